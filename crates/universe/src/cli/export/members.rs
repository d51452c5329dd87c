//! Members as of one session: a document, or a row for each.

use jiff::civil::Date;
use serde::Serialize;
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseType};
use universe_service::{Detail, ExportedMembers, MemberExport, Selection, Standing, export_members};
use universe_store::Store;

use super::rows::{Cell, Column, Kind};
use super::target::{Place, Target};
use super::{Form, Written, rows_to};
use crate::clock::Surroundings;

/// The version of the document.
const VERSION: u32 = 1;

pub(super) const COLUMNS: &[Column] = &[
    Column { name: "type", kind: Kind::Text },
    Column { name: "key", kind: Kind::Text },
    Column { name: "name", kind: Kind::Text },
    Column { name: "rank", kind: Kind::Whole },
    Column { name: "symbol", kind: Kind::Text },
    Column { name: "company_name", kind: Kind::Text },
    Column { name: "market_cap", kind: Kind::Whole },
    Column { name: "since", kind: Kind::Day },
    Column { name: "category", kind: Kind::Text },
    Column { name: "rule", kind: Kind::Text },
    Column { name: "as_of", kind: Kind::Day },
    Column { name: "is_point_in_time", kind: Kind::Flag },
    Column { name: "source_age_sessions", kind: Kind::Whole },
    Column { name: "held", kind: Kind::Flag },
    Column { name: "quarantined_count", kind: Kind::Whole },
];

pub(super) async fn export(
    store: &dyn Store,
    rules: &RuleSet,
    selection: &Selection,
    to: Place<'_>,
    form: Form,
) -> anyhow::Result<Written> {
    let detail = if form == Form::Json { Detail::Symbols } else { Detail::Figures };
    let mut exported = export_members(store, rules, selection, detail, &Surroundings).await?;
    let bytes = if form == Form::Json {
        let mut target = Target::open(to)?;
        write_document(&mut target, selection, &exported)?;
        target.commit()?
    } else {
        let mut rows = rows_to(to, form, COLUMNS)?;
        for universe in &exported.universes {
            push_members(&mut rows, universe, exported.as_of)?;
        }
        rows.finish()?
    };
    Ok(Written {
        universes: exported.universes.len(),
        rows: exported.universes.iter().map(|universe| universe.members.len() as u64).sum(),
        bytes,
        remarks: std::mem::take(&mut exported.remarks),
    })
}

/// A universe in the document, in the order of its fields.
#[derive(Serialize)]
struct Universe<'a> {
    r#type: Option<UniverseType>,
    key: Option<&'a str>,
    name: &'a str,
    category: Option<&'a str>,
    rule: Option<&'a str>,
    count: usize,
    symbols: Vec<&'a Symbol>,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    ranked: bool,
    rule_version: Option<&'a str>,
    #[serde(flatten)]
    standing: Standing,
}

/// Writes the document: a universe a line, so that two exports can be compared line by line.
pub(super) fn write_document(
    out: &mut impl std::io::Write,
    selection: &Selection,
    exported: &ExportedMembers,
) -> anyhow::Result<()> {
    let text = |value: &serde_json::Value| value.to_string();
    writeln!(out, "{{\n\"version\": {VERSION},")?;
    writeln!(out, "\"environment\": {},", text(&selection.environment.as_str().into()))?;
    writeln!(out, "\"as_of\": {},", text(&exported.as_of.map(|day| day.to_string()).into()))?;
    if let Some(known_at) = selection.known_at {
        writeln!(out, "\"known_at\": {},", text(&known_at.to_string().into()))?;
    }
    write!(out, "\"universes\": [")?;
    for (at, universe) in exported.universes.iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        let line = Universe {
            r#type: universe.id.as_ref().map(|id| id.universe_type),
            key: universe.id.as_ref().map(|id| id.key()),
            name: &universe.name,
            category: universe.category.as_deref(),
            rule: universe.rule.as_deref(),
            count: universe.members.len(),
            symbols: universe.members.iter().map(|member| &member.symbol).collect(),
            metadata: Metadata {
                ranked: universe.is_ranked,
                rule_version: universe.rule_version.as_deref(),
                standing: universe.standing,
            },
        };
        serde_json::to_writer(&mut *out, &line)?;
    }
    out.write_all(b"\n]\n}\n")?;
    Ok(())
}

/// Writes a row for each member of a universe.
pub(super) fn push_members(rows: &mut super::Rows, universe: &MemberExport, as_of: Option<Date>) -> anyhow::Result<()> {
    let standing = &universe.standing;
    let id = universe.id.as_ref();
    for (rank, member) in (1_i64..).zip(&universe.members) {
        rows.push(&[
            id.map(|id| id.universe_type.as_str()).into(),
            id.map(|id| id.key()).into(),
            Cell::Text(&universe.name),
            universe.is_ranked.then_some(rank).into(),
            Cell::Text(member.symbol.as_str()),
            member.company_name.as_deref().into(),
            member.market_cap.map(|cap| cap.0).into(),
            member.since.into(),
            universe.category.as_deref().into(),
            universe.rule.as_deref().into(),
            as_of.into(),
            Cell::Flag(standing.is_point_in_time),
            standing.source_age_sessions.map(i64::from).into(),
            Cell::Flag(standing.held),
            Cell::Whole(standing.quarantined_count.into()),
        ])?;
        if rows.is_unread() {
            break;
        }
    }
    Ok(())
}
