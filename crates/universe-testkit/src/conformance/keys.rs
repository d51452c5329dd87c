//! Keys of programs.

use universe_store::{ApiKeyRecord, StoreError};

use super::Subject;
use crate::builders::instant;

/// Keys are read back as they were stored, oldest first.
pub async fn keys_are_listed_oldest_first(subject: &Subject) {
    let limited = ApiKeyRecord { expires_at: Some(instant(9)), scopes: vec!["read".to_owned()], ..key("bbbbbbbb", 2) };
    let keys = [key("cccccccc", 1), key("aaaaaaaa", 2), limited, key("00000000", 3)];
    for key in keys.iter().rev() {
        subject.store.key_put(key).await.expect("stores");
    }
    assert_eq!(subject.store.key_list().await.expect("reads"), keys);
    assert_eq!(subject.store.key_find("bbbbbbbb").await.expect("reads").as_ref(), Some(&keys[2]));
    assert_eq!(subject.store.key_find("BBBBBBBB").await.expect("reads"), None);
}

/// A key with the id of another one is refused, and the other one stays.
pub async fn a_key_is_not_replaced(subject: &Subject) {
    subject.store.key_put(&key("aaaaaaaa", 1)).await.expect("stores");
    let before = subject.dump().await;
    let error = subject.store.key_put(&key("aaaaaaaa", 2)).await.expect_err("is there");
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    assert_eq!(subject.dump().await, before);
}

/// A key is revoked once, and stays in the list.
pub async fn a_key_is_revoked_once(subject: &Subject) {
    subject.store.key_put(&key("aaaaaaaa", 1)).await.expect("stores");
    assert!(subject.store.key_revoke("aaaaaaaa", instant(2)).await.expect("revokes"));
    let before = subject.dump().await;
    assert!(!subject.store.key_revoke("aaaaaaaa", instant(3)).await.expect("revokes nothing"));
    assert!(!subject.store.key_revoke("bbbbbbbb", instant(3)).await.expect("revokes nothing"));
    assert_eq!(subject.dump().await, before);
    let revoked = ApiKeyRecord { revoked_at: Some(instant(2)), ..key("aaaaaaaa", 1) };
    assert_eq!(subject.store.key_list().await.expect("reads"), [revoked]);
}

/// The last use of a key is remembered; that of an unknown one is not.
pub async fn the_last_use_of_a_key_is_remembered(subject: &Subject) {
    subject.store.key_put(&key("aaaaaaaa", 1)).await.expect("stores");
    subject.store.key_used("aaaaaaaa", instant(4)).await.expect("writes");
    subject.store.key_used("bbbbbbbb", instant(4)).await.expect("passes over");
    let used = ApiKeyRecord { last_used_at: Some(instant(4)), ..key("aaaaaaaa", 1) };
    assert_eq!(subject.store.key_list().await.expect("reads"), [used]);
}

fn key(api_key_id: &str, number: u32) -> ApiKeyRecord {
    ApiKeyRecord {
        api_key_id: api_key_id.to_owned(),
        name: format!("Key {number}"),
        hash: vec![0, 1, 254, 255],
        scopes: vec!["read".to_owned(), "operate".to_owned()],
        created_at: instant(number),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}
