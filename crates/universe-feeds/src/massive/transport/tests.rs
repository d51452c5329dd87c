use super::*;
use crate::massive::ApiKey;

fn transport(base_url: &str) -> Transport {
    Transport::new(Settings::new(base_url, ApiKey::new("secret-key"))).expect("usable settings")
}

fn refusal(settings: Settings) -> String {
    match Transport::new(settings) {
        Ok(_) => panic!("the settings were taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn refuses_settings_that_reach_nothing() {
    let key = || ApiKey::new("secret-key");
    for address in ["", "api.massive.com", "ftp://api.massive.com", "https://me:pw@api.massive.com", "https://a.b/?x=1"]
    {
        let words = refusal(Settings::new(address, key()));
        assert!(words.contains("massive.base_url"), "{words}");
        assert!(!words.contains("pw"), "{words}");
    }
    let words = refusal(Settings::new("http://127.0.0.1:1", ApiKey::new("  ")));
    assert!(words.contains("MASSIVE_API_KEY"), "{words}");
    let words = refusal(Settings::new("http://127.0.0.1:1", ApiKey::new("a\nb")));
    assert!(words.contains("massive.api_key") && !words.contains("a\nb"), "{words}");
}

#[test]
fn the_key_shows_itself_nowhere() {
    let settings = Settings::new("http://127.0.0.1:1", ApiKey::new("secret-key"));
    assert!(!format!("{settings:?}").contains("secret-key"));
    let transport = Transport::new(settings).expect("usable settings");
    assert!(!format!("{:?}", transport.http).contains("secret-key"));
    assert_eq!(transport.safe("unknown key secret-key.\n"), "unknown key …");
}

#[test]
fn encrypted_connections_are_set_up_with_ring() {
    assert!(Transport::new(Settings::new("https://api.massive.com", ApiKey::new("k"))).is_ok());
}

#[test]
fn next_pages_are_asked_for_at_the_configured_address_only() {
    let ours = transport("http://127.0.0.1:8080");
    let current = ours.url(&["v2", "aggs"], &[("limit", "2")]);
    assert_eq!(current.as_str(), "http://127.0.0.1:8080/v2/aggs?limit=2");
    let next = |text: &str| ours.next_page("bars", &current, text).map(|url| url.to_string());
    assert_eq!(
        next("http://127.0.0.1:8080/v2/aggs?cursor=a%3D"),
        Ok("http://127.0.0.1:8080/v2/aggs?cursor=a%3D".to_owned())
    );
    assert_eq!(next("/v2/aggs?cursor=b"), Ok("http://127.0.0.1:8080/v2/aggs?cursor=b".to_owned()));
    for own in ["https://api.massive.com/v2/aggs?cursor=c", "https://api.polygon.io/v2/aggs?cursor=c"] {
        assert_eq!(next(own), Ok("http://127.0.0.1:8080/v2/aggs?cursor=c".to_owned()));
    }
    for foreign in [
        "https://evil.example/v2/aggs",
        "http://127.0.0.1:8081/v2/aggs",
        "https://127.0.0.1:8080/v2/aggs",
        "//evil.example/v2/aggs",
        "http://127.0.0.1:8080@evil.example/v2/aggs",
        "https://api.massive.com.evil.example/v2/aggs",
        "file:///etc/passwd",
    ] {
        assert!(matches!(next(foreign), Err(MassiveError::ForeignPage { .. })), "{foreign}");
    }
    assert!(matches!(next("http://127.0.0.1:8080/v2/aggs?limit=2"), Err(MassiveError::Malformed { .. })));
    assert!(matches!(next("http://["), Err(MassiveError::Malformed { .. })));
}

#[test]
fn an_address_behind_a_prefix_keeps_it() {
    let gateway = transport("http://localhost:9/massive/");
    let current = gateway.url(&["v3", "a b", "BRK/B"], &[]);
    assert_eq!(current.as_str().trim_end_matches('?'), "http://localhost:9/massive/v3/a%20b/BRK%2FB");
    let next =
        gateway.next_page("bars", &current, "https://api.massive.com/v3/x?cursor=1").expect("the API's own name");
    assert_eq!(next.as_str(), "http://localhost:9/massive/v3/x?cursor=1");
}

#[test]
fn waits_are_asked_for_in_seconds_or_until_an_instant() {
    let asked = |pairs: &[(reqwest::header::HeaderName, &str)]| {
        let pairs = pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a header")));
        wait_asked(&HeaderMap::from_iter(pairs))
    };
    let date = "Fri, 01 Dec 2023 20:59:50 GMT";
    assert_eq!(asked(&[(RETRY_AFTER, "7")]), Some(Duration::from_secs(7)));
    assert_eq!(asked(&[(RETRY_AFTER, "Fri, 01 Dec 2023 21:00:20 GMT"), (DATE, date)]), Some(Duration::from_secs(30)));
    assert_eq!(asked(&[(RETRY_AFTER, "Fri, 01 Dec 2023 20:00:00 GMT"), (DATE, date)]), Some(Duration::ZERO));
    assert_eq!(asked(&[(RETRY_AFTER, "Fri, 01 Dec 2023 21:00:20 GMT")]), None);
    for nonsense in ["", "soon", "-5", "NaN", "1e300"] {
        assert_eq!(asked(&[(RETRY_AFTER, nonsense), (DATE, date)]), None, "{nonsense}");
    }
    assert_eq!(asked(&[]), None);
}
