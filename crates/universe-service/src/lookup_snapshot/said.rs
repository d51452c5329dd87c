//! Answers about members and universes as they are sent.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use universe_core::{Symbol, UniverseId, UniverseType};
use universe_store::{MemberRecord, UniverseRecord};

use super::{Body, ReadyAnswer};
use crate::{Answer, Detail, Standing};

/// An answer as it is sent; members and their figures are many, so it is written without a detour.
#[derive(Serialize)]
struct Members<'a> {
    #[serde(rename = "type")]
    universe_type: Option<UniverseType>,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    as_of: Option<Date>,
    count: usize,
    #[serde(flatten)]
    standing: Standing,
    symbols: &'a [&'a Symbol],
    #[serde(skip_serializing_if = "Option::is_none")]
    later_symbols: Option<&'a BTreeMap<Symbol, Symbol>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<&'a [MemberRecord]>,
}

/// What is said about members, in short and with their figures.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) id: Option<&'a UniverseId>,
    /// The name of the universe, or the expression.
    pub(super) name: &'a str,
    pub(super) as_of: Option<Date>,
    pub(super) standing: Standing,
    pub(super) members: &'a [MemberRecord],
    /// The symbols that members of the past have today.
    pub(super) later_symbols: Option<&'a BTreeMap<Symbol, Symbol>>,
}

impl ReadyAnswer {
    pub(super) fn new(said: Said<'_>) -> Self {
        Self { members: said.body(Detail::Figures), symbols: said.body(Detail::Symbols) }
    }
}

impl Said<'_> {
    fn body(&self, detail: Detail) -> Body {
        let symbols: Vec<&Symbol> = self.members.iter().map(|member| &member.symbol).collect();
        let has_figures = detail == Detail::Figures;
        Body::json(&Members {
            universe_type: self.id.map(|id| id.universe_type),
            key: self.id.map_or(self.name, UniverseId::key),
            name: has_figures.then_some(self.name),
            as_of: self.as_of,
            count: symbols.len(),
            standing: self.standing,
            symbols: &symbols,
            later_symbols: self.later_symbols,
            members: has_figures.then_some(self.members),
        })
    }
}

/// Returns an answer about the past as it is sent.
#[must_use]
pub fn past_body(answer: &Answer, detail: Detail) -> Body {
    let said = Said {
        id: answer.id.as_ref(),
        name: &answer.name,
        as_of: answer.as_of,
        standing: answer.standing,
        members: &answer.members,
        later_symbols: Some(&answer.later_symbols),
    };
    said.body(detail)
}

/// Universes as they are listed.
#[derive(Serialize)]
struct List<'a> {
    as_of: Option<Date>,
    count: usize,
    #[serde(flatten)]
    standing: Standing,
    universes: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(rename = "type")]
    universe_type: UniverseType,
    key: &'a str,
    name: &'a str,
    category: Option<&'a str>,
    count: usize,
    last_updated: Option<Timestamp>,
    rule: Option<&'a str>,
    is_ranked: bool,
}

/// Returns a list of universes as it is sent.
#[must_use]
pub fn list_body<'a>(
    as_of: Option<Date>,
    standing: Standing,
    records: impl IntoIterator<Item = &'a UniverseRecord>,
) -> Body {
    let listed = |record: &'a UniverseRecord| Listed {
        universe_type: record.id.universe_type,
        key: record.id.key(),
        name: &record.name,
        category: record.category.as_deref(),
        count: record.count,
        last_updated: record.last_updated,
        rule: record.rule.as_deref(),
        is_ranked: record.is_ranked,
    };
    let universes: Vec<Listed<'_>> = records.into_iter().map(listed).collect();
    Body::json(&List { as_of, count: universes.len(), standing, universes })
}
