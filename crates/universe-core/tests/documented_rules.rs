//! Proves `docs/rules.md`: every rule in it parses, every table is complete, every worked number comes out.
//!
//! Blocks of the page have a meaning. A `toml` block that starts with a comment naming a file is a complete
//! rule. `market` says what is observed, day by day, and `plan` what the rule above makes of it; `error` is the
//! complaint about the rule above. After a change that is meant, `UPDATE_EXPECT=1` writes `plan` and `error` anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use expect_test::expect_file;
use jiff::civil::{Date, date};
use universe_core::market::MarketSession;
use universe_core::plan::{Action, Mode, Plan, render_diff};
use universe_core::planner::{Holds, Request, Undefined, plan};
use universe_core::rule::{Rule, RuleFile, RuleSet};
use universe_core::state::{RuleMark, State, UniverseState};
use universe_core::{Observation, ObservedListing, Price, Screen, Symbol, Usd, WELL_KNOWN_FACTS};

const PAGE: &str = include_str!("../../../docs/rules.md");
const SCREEN_SOURCE: &str = include_str!("../src/screen.rs");

const FULL: Request = Request { mode: Mode::Full, undefined: Undefined::Retire, holds: Holds::Wait };

#[test]
fn worked_examples_come_out_as_written() {
    let mut rendered = String::new();
    let mut rule: Option<RuleFile> = None;
    let mut market: Option<String> = None;
    let mut proven = 0;
    for part in parts(PAGE) {
        let Part::Block { language, text } = part else {
            rendered.push_str(part.text());
            continue;
        };
        let text = match language {
            "toml" => {
                rule = complete_rule(text).or(rule);
                text.to_owned()
            }
            "market" => {
                market = Some(text.to_owned());
                text.to_owned()
            }
            "plan" => {
                proven += 1;
                let rule = rule.as_ref().expect("a plan stands below a rule");
                story(rule, market.as_deref().expect("a plan stands below a market"))
            }
            "error" => {
                proven += 1;
                let rule = rule.as_ref().expect("an error stands below a rule");
                let error = Rule::parse(&rule.name, &rule.text, "classic", &[]).expect_err("this rule is to be wrong");
                format!("{error}\n")
            }
            _ => text.to_owned(),
        };
        let _ = write!(rendered, "```{language}\n{text}```\n");
    }
    assert!(proven >= 10, "only {proven} worked examples were found; was the form of the blocks changed?");
    expect_file!["../../../docs/rules.md"].assert_eq(&rendered);
}

#[test]
fn complete_rules_parse_in_every_profile() {
    let mut rules = 0;
    let all: Vec<Part> = parts(PAGE).collect();
    for (at, part) in all.iter().enumerate() {
        let Part::Block { language: "toml", text } = part else { continue };
        let Some(rule) = complete_rule(text) else { continue };
        let next = all[at + 1..].iter().find(|part| matches!(part, Part::Block { .. }));
        if matches!(next, Some(Part::Block { language: "error", .. })) {
            continue;
        }
        rules += 1;
        for profile in ["classic", "steady"] {
            if let Err(error) = Rule::parse(&rule.name, &rule.text, profile, &[]) {
                panic!("docs/rules.md has a rule that is wrong in the profile {profile}: {error}");
            }
        }
    }
    assert!(rules >= 8, "only {rules} complete rules were found; they start with a line like `# theme_example.toml`");
}

#[test]
fn tables_have_exactly_the_keys_that_rules_have() {
    for section in ["file", "profile", "change_limit", "universe", "universe.when", "band", "ranking", "groups"] {
        let rows = table(&format!("keys-{section}"));
        let documented: BTreeSet<String> = rows.iter().map(|row| bare(&row[0]).to_owned()).collect();
        assert_eq!(documented, accepted_keys(section), "the table of keys of {section} in docs/rules.md");
        for row in &rows {
            let example = bare(&row[1]);
            let text = in_section(section, example);
            if let Err(error) = Rule::parse("theme_example.toml", &text, "classic", &[]) {
                panic!("docs/rules.md, keys of {section}, example {example}: {error}\nin\n{text}");
            }
        }
    }
}

#[test]
fn tables_have_exactly_the_fields_that_screens_have() {
    let mut documented = BTreeSet::new();
    for row in table("fields") {
        let field = bare(&row[0]).to_owned();
        let question = match row[1].as_str() {
            "text" => format!("{field} = 'x'"),
            "number" => format!("{field} > 1.5"),
            "date" => format!("{field} >= '2024-01-31'"),
            "condition" => field.clone(),
            other => panic!("docs/rules.md gives {field} the type {other}; it is text, number, date or condition"),
        };
        if let Err(error) = Screen::compile(&question, &[]) {
            panic!("docs/rules.md documents {field}: {error}");
        }
        documented.insert(field);
    }
    let quoted =
        |line: &str| Some(line.trim().trim_start_matches('[').strip_prefix("(\"")?.split_once('"')?.0.to_owned());
    let fields = SCREEN_SOURCE.lines().flat_map(|line| line.split("), ")).filter(|line| line.contains("Field::"));
    let mut known: BTreeSet<String> = fields.filter_map(quoted).collect();
    known.insert("is_active".to_owned());
    known.extend(WELL_KNOWN_FACTS.iter().map(|fact| (*fact).to_owned()));
    assert_eq!(documented, known, "the table of fields in docs/rules.md against crates/universe-core/src/screen.rs");
}

/// A stretch of the page.
enum Part<'a> {
    /// Lines outside of blocks.
    Prose(&'a str),
    /// A fenced block.
    Block { language: &'a str, text: &'a str },
}

impl<'a> Part<'a> {
    fn text(&self) -> &'a str {
        match self {
            Self::Prose(text) | Self::Block { text, .. } => text,
        }
    }
}

fn parts(page: &str) -> impl Iterator<Item = Part<'_>> {
    let mut is_block = false;
    page.split_inclusive("```").map(move |stretch| {
        let text = stretch.strip_suffix("```").unwrap_or(stretch);
        let part = if is_block {
            let (language, text) = text.split_once('\n').expect("a block starts on a line of its own");
            Part::Block { language, text }
        } else {
            // The end of the line of the closing fence belongs to the fence.
            Part::Prose(text.strip_prefix('\n').unwrap_or(text))
        };
        is_block = !is_block;
        part
    })
}

/// A block that starts with a comment naming its file.
fn complete_rule(text: &str) -> Option<RuleFile> {
    let name = text.lines().next()?.strip_prefix("# ")?;
    (name.ends_with(".toml") && !name.contains(char::is_whitespace))
        .then(|| RuleFile { name: name.to_owned(), text: text.to_owned() })
}

/// The rows of the table below `<!-- marker -->`, without its head.
fn table(marker: &str) -> Vec<Vec<String>> {
    let marker = format!("<!-- {marker} -->");
    let (_, below) = PAGE.split_once(&marker).unwrap_or_else(|| panic!("docs/rules.md has no {marker} above a table"));
    let lines = below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    lines.skip(2).map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn bare(cell: &str) -> &str {
    cell.trim_matches('`')
}

/// The keys that the parser names when it is given one that no rule has.
fn accepted_keys(section: &str) -> BTreeSet<String> {
    let text = in_section(section, "no_such_key = 1");
    let error = Rule::parse("theme_example.toml", &text, "classic", &[]).expect_err("no such key").to_string();
    let (_, expected) = error.split_once("expected one of ").unwrap_or_else(|| panic!("{error}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A rule that has everything it needs, with one more key in one of its tables.
fn in_section(section: &str, line: &str) -> String {
    let parsed = |text: &str| text.parse::<toml::Table>().expect("an example is TOML");
    let added = parsed(line);
    let mut rule = parsed("category = \"theme\"");
    let own = match section {
        "band" => "key = \"big\"\nname = \"Big\"\nat_least = 1e9",
        "ranking" => "key = \"top_5\"\nname = \"Top 5\"\ncount = 5",
        "groups" => "by = \"sector\"\nkey = \"sector_{}\"\nname = \"{} Sector\"",
        "profile" => "name = \"steady\"",
        "universe.when" => "market = \"stressed\"",
        "universe" => "key = \"theme_example\"\nname = \"Example\"",
        _ => "",
    };
    let mut own = parsed(own);
    let is_universe_missing = !matches!(section, "universe" | "band" | "ranking" | "groups")
        && !["universe", "band", "ranking", "groups"].iter().any(|key| added.contains_key(*key));
    if is_universe_missing {
        rule.extend(parsed("universe = { key = \"theme_example\", name = \"Example\" }"));
    }
    if section == "file" {
        rule.extend(added);
        return rule.to_string();
    }
    own.extend(added);
    let own = toml::Value::Table(own);
    match section {
        "universe.when" => {
            let universe = rule.get_mut("universe").and_then(toml::Value::as_table_mut).expect("there is one");
            universe.insert("when".to_owned(), toml::Value::Array(vec![own]));
        }
        "band" | "ranking" | "profile" => {
            rule.insert(section.to_owned(), toml::Value::Array(vec![own]));
        }
        _ => {
            rule.insert(section.to_owned(), own);
        }
    }
    rule.to_string()
}

/// One listing of a market block.
#[derive(Clone, Default)]
struct Line {
    cap: Option<i64>,
    price: Option<f64>,
    volume: Option<i64>,
    company_name: Option<String>,
    security_type: Option<String>,
    sector: Option<String>,
    listing_date: Option<Date>,
    absent: u16,
    is_delisted: bool,
    facts: BTreeMap<String, f64>,
}

impl Line {
    fn parse(text: &str, mut before: Self) -> (String, Self) {
        let mut columns = text.split("  ").map(str::trim).filter(|column| !column.is_empty());
        let symbol = columns.next().expect("a line names a listing").to_owned();
        for column in columns {
            match column.split_once(": ") {
                Some(("price", value)) => before.price = Some(figure(value)),
                Some(("volume", value)) => before.volume = Some(figure(value) as i64),
                Some(("company_name", value)) => before.company_name = Some(value.to_owned()),
                Some(("security_type", value)) => before.security_type = Some(value.to_owned()),
                Some(("sector", value)) => before.sector = Some(value.to_owned()),
                Some(("listing_date", value)) => before.listing_date = Some(value.parse().expect("a date")),
                Some(("absent", value)) => before.absent = value.parse().expect("a count"),
                Some((fact, value)) => {
                    before.facts.insert(fact.to_owned(), figure(value));
                }
                None if column == "delisted" => before.is_delisted = true,
                None => before.cap = Some(figure(column) as i64),
            }
        }
        (symbol, before)
    }

    fn observed<'a>(&'a self, symbol: &str) -> ObservedListing<'a> {
        let close = Price::from_dollars(self.price.unwrap_or(1.0)).expect("a price");
        ObservedListing {
            company_name: self.company_name.as_deref(),
            security_type: Some(self.security_type.as_deref().unwrap_or("CS")),
            is_active: !self.is_delisted,
            listing_date: self.listing_date,
            sessions_absent: self.absent,
            recorded_cap: self.cap.map(Usd),
            shares: self.cap.and_then(|cap| Usd(cap).shares_at(close)),
            close: Some(close),
            volume: self.volume,
            sector: self.sector.as_deref(),
            ..ObservedListing::new(Symbol::parse(symbol).expect("a symbol"))
        }
    }
}

/// Reads `1.69T`, `20B`, `410M` and plain numbers.
fn figure(text: &str) -> f64 {
    let (digits, unit) = match text.chars().last() {
        Some('T') => (&text[..text.len() - 1], 1e12),
        Some('B') => (&text[..text.len() - 1], 1e9),
        Some('M') => (&text[..text.len() - 1], 1e6),
        _ => (text, 1.0),
    };
    let value = digits.parse::<f64>().unwrap_or_else(|_| panic!("{text:?} is no figure")) * unit;
    // Caps are whole dollars; ratios stay as they are.
    if unit > 1.0 { value.round() } else { value }
}

/// Plans the days of a market block one after the other; a listing stays as it was until a day says otherwise.
fn story(rule: &RuleFile, market: &str) -> String {
    let mut profile = "classic";
    let mut state = State { market: quiet_year(), ..State::default() };
    let mut listings: BTreeMap<String, Line> = BTreeMap::new();
    let mut days: Vec<(Date, Observation, Request)> = Vec::new();
    let mut request = FULL;
    let mut session: Option<Date> = None;
    let mut is_stressed = false;
    let close_day = |session: Option<Date>, listings: &BTreeMap<String, Line>, is_stressed: bool, request: Request| {
        session.map(|session| (session, observation(session, listings, is_stressed), request))
    };
    for text in market.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(name) = text.strip_prefix("profile: ") {
            profile = name;
        } else if text == "market: stressed" {
            is_stressed = true;
        } else if text == "sync --force" {
            request.holds = Holds::Release;
        } else if let Ok(next) = text.parse() {
            days.extend(close_day(session.replace(next), &listings, is_stressed, request));
            (is_stressed, request) = (false, FULL);
        } else {
            let symbol = text.split_whitespace().next().unwrap_or_default();
            let (symbol, line) = Line::parse(text, listings.get(symbol).cloned().unwrap_or_default());
            listings.insert(symbol, line);
        }
    }
    days.extend(close_day(session, &listings, is_stressed, request));
    let rules = RuleSet::from_files(profile, [rule.clone()], &[]).expect("the rule is right");
    let mut text = String::new();
    for (session, seen, request) in days {
        let plan = plan(&seen, &rules, &state, request);
        let _ = writeln!(text, "== {session}");
        let diff = render_diff(&plan, true);
        text.push_str(if diff.is_empty() { "nothing changes\n" } else { &diff });
        for note in plan.steps.iter().flat_map(|step| &step.notes) {
            if !note.starts_with("the condition of the market is not known") {
                let _ = writeln!(text, "note: {note}");
            }
        }
        for alert in &plan.alerts {
            let _ = writeln!(text, "alert: {}", alert.message);
        }
        apply(&mut state, &plan);
    }
    text
}

fn observation(session: Date, listings: &BTreeMap<String, Line>, is_stressed: bool) -> Observation {
    let mut seen = Observation::empty(session);
    for (symbol, line) in listings {
        seen.push(line.observed(symbol));
    }
    for (at, line) in listings.values().enumerate() {
        for (field, value) in &line.facts {
            seen.push_fact(at, field, *value);
        }
    }
    if is_stressed {
        seen.returns = vec![-0.08; 50];
    }
    seen
}

/// A hundred sessions without excitement, against which a fall of 8 % is stress.
fn quiet_year() -> Vec<MarketSession> {
    let session = |day: i32| MarketSession {
        session: date(2023, 6, 1).saturating_add(jiff::Span::new().days(day)),
        listings: 100,
        breadth: 0.5,
        median_return: if day % 2 == 0 { 0.001 } else { -0.001 },
        volatility: Some(0.10),
    };
    (0..100).map(session).collect()
}

/// What a store holds after a plan was applied.
fn apply(state: &mut State, plan: &Plan) {
    state.version += 1;
    state.last_session = Some(plan.session);
    state.held.clone_from(&plan.held);
    for universe in &plan.universes {
        match universe.action {
            Action::Held => {}
            Action::Retired => {
                state.universes.remove(&universe.id);
                state.retired.insert(universe.id.clone(), universe.sequence);
            }
            Action::Created | Action::Updated | Action::Reordered | Action::Refreshed | Action::Repaired => {
                let after = UniverseState {
                    name: universe.name.clone(),
                    category: Some(universe.category),
                    rule: Some(RuleMark { name: universe.rule.clone(), version: universe.rule_version.clone() }),
                    members: plan.member_symbols(universe).cloned().collect(),
                    sequence: universe.sequence,
                    reconstituted_session: Some(universe.reconstituted_session),
                    entry_is_intact: true,
                };
                state.universes.insert(universe.id.clone(), after);
                state.retired.remove(&universe.id);
            }
        }
    }
}
