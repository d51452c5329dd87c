//! From a TOML file to a checked [`Rule`]; every complaint says file, key and column.

use serde::Deserialize;
use serde_spanned::Spanned;

use super::{
    Band, Cadence, ChangeLimit, Definition, GroupField, Groups, Membership, Naming, Ranking, Rule, Selection,
    ShareClasses, SingleUniverse,
};
use crate::market::Regime;
use crate::{Category, ExpressionError, Metric, Screen, SecurityType, Symbol, UniverseId, UniverseType};

/// What is wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It is no TOML, or has a key that rules do not have, or a value of the wrong type.
    #[error("rule file {file}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// The parser's words, with line, column and the text.
        message: String,
    },
    /// A value that cannot be.
    #[error("rule file {file}, key {key}: {message}")]
    Value {
        /// The file.
        file: String,
        /// The key, with the tables that it is in.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// An expression that does not compile.
    #[error("rule file {file}, line {line}, key {key}, {source}")]
    Expression {
        /// The file.
        file: String,
        /// The line on which the expression starts.
        line: usize,
        /// The key.
        key: String,
        /// What is wrong, and at which column of the expression.
        source: ExpressionError,
    },
    /// Two rules want one address.
    #[error("rule file {file}: {key} is already defined in {other}")]
    Duplicate {
        /// The file that came later.
        file: String,
        /// The address or alias.
        key: String,
        /// The file that has it.
        other: String,
    },
    /// No such profile.
    #[error("there is no profile {0:?}; the profiles are classic and steady")]
    UnknownProfile(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    description: Option<String>,
    #[serde(rename = "type", default = "stock_universe")]
    universe_type: UniverseType,
    category: Category,
    securities: Option<Vec<SecurityType>>,
    screen: Option<Spanned<String>>,
    metric: Option<Spanned<String>>,
    #[serde(default)]
    fields: Vec<String>,
    buffer: Option<f64>,
    share_classes: Option<ShareClasses>,
    cadence: Option<Cadence>,
    change_limit: Option<ChangeLimitText>,
    #[serde(default)]
    profile: Vec<ProfileText>,
    universe: Option<UniverseText>,
    band: Option<Vec<BandText>>,
    ranking: Option<Vec<RankingText>>,
    groups: Option<GroupsText>,
}

fn stock_universe() -> UniverseType {
    UniverseType::StockUniverse
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileText {
    name: String,
    buffer: Option<f64>,
    share_classes: Option<ShareClasses>,
    cadence: Option<Cadence>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeLimitText {
    share: Option<f64>,
    count_min: Option<usize>,
    #[serde(default)]
    off: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UniverseText {
    key: String,
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    mirrors: Vec<String>,
    #[serde(default)]
    imported: bool,
    symbols: Option<Vec<String>>,
    count: Option<usize>,
    at_least: Option<f64>,
    below: Option<f64>,
    #[serde(default)]
    when: Vec<WhenText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhenText {
    market: Regime,
    count: Option<usize>,
    at_least: Option<f64>,
    below: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BandText {
    key: String,
    name: String,
    at_least: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RankingText {
    key: String,
    name: String,
    count: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupsText {
    by: GroupField,
    key: String,
    name: String,
    #[serde(default)]
    names: toml::Table,
    count: Option<usize>,
}

/// The change of a universe that waits for approval unless its rule says otherwise (contract, section 3).
pub(crate) const CHANGE_LIMIT: ChangeLimit = ChangeLimit { share: 0.20, count_min: 1 };

/// The most members that a ranking may ask for; more is a mistake.
const COUNT_MAX: usize = 100_000;

impl Rule {
    /// Reads a rule file; `facts` are the figures that can be loaded beyond the standard fields.
    ///
    /// # Errors
    /// When the text is no TOML, has keys that rules do not have, or says what cannot be.
    pub fn parse(file: &str, text: &str, profile: &str, facts: &[String]) -> Result<Self, RuleError> {
        let parsed: FileText = toml::from_str(text)
            .map_err(|e| RuleError::Syntax { file: file.to_owned(), message: e.to_string().trim_end().to_owned() })?;
        let facts = [facts, &parsed.fields].concat();
        Reader { file, text, facts: &facts }.rule(parsed, profile)
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    facts: &'a [String],
}

impl Reader<'_> {
    fn rule(&self, parsed: FileText, profile: &str) -> Result<Rule, RuleError> {
        let chosen = parsed.profile.iter().find(|p| p.name == profile);
        for known in &parsed.profile {
            if !super::PROFILES.contains(&known.name.as_str()) {
                return Err(self.value("profile.name", format!("{:?} is no profile", known.name)));
            }
        }
        let kind = parsed.universe_type;
        let securities = parsed.securities.unwrap_or_else(|| match kind {
            UniverseType::StockUniverse => vec![SecurityType::Cs, SecurityType::Adrc],
            UniverseType::EtfUniverse => vec![SecurityType::Etf],
        });
        let buffer = chosen.and_then(|p| p.buffer).or(parsed.buffer).unwrap_or(0.0);
        if !(0.0..1.0).contains(&buffer) {
            return Err(self.value("buffer", format!("{buffer} is not between 0 and 1; 0.1 is 10 %")));
        }
        let screen = parsed.screen.as_ref().map(|screen| self.screen(screen)).transpose()?;
        let metric = match &parsed.metric {
            Some(metric) => Metric::compile(metric.get_ref(), self.facts).map_err(|e| self.at("metric", metric, e))?,
            None => Metric::compile("market_cap", &[]).map_err(|source| RuleError::Expression {
                file: self.file.to_owned(),
                line: 1,
                key: "metric".to_owned(),
                source,
            })?,
        };
        let definition = match (parsed.universe, parsed.band, parsed.ranking, parsed.groups) {
            (Some(universe), None, None, None) => self.single(kind, universe, screen.is_some())?,
            (None, Some(bands), None, None) => self.bands(kind, bands)?,
            (None, None, Some(rankings), None) => self.rankings(kind, rankings)?,
            (None, None, None, Some(groups)) => self.groups(kind, groups)?,
            _ => {
                let message = "a rule has exactly one of [universe], [[band]], [[ranking]] and [groups]";
                return Err(self.value("universe", message.to_owned()));
            }
        };
        Ok(Rule {
            name: self.file.trim_end_matches(".toml").to_owned(),
            version: blake3::hash(format!("{profile}\n{}", self.text).as_bytes()).to_hex()[..12].to_owned(),
            description: parsed.description,
            universe_type: kind,
            category: parsed.category,
            securities,
            screen,
            metric,
            buffer,
            share_classes: chosen
                .and_then(|p| p.share_classes)
                .or(parsed.share_classes)
                .unwrap_or(ShareClasses::EachLine),
            cadence: chosen.and_then(|p| p.cadence).or(parsed.cadence).unwrap_or(Cadence::Daily),
            change_limit: self.change_limit(parsed.change_limit)?,
            definition,
        })
    }

    fn single(&self, kind: UniverseType, text: UniverseText, has_screen: bool) -> Result<Definition, RuleError> {
        let selection =
            self.selection("universe", Selection { count: text.count, at_least: text.at_least, below: text.below })?;
        let symbols = text.symbols.map(|symbols| self.symbols(&symbols)).transpose()?;
        let membership = match (text.imported, has_screen, symbols) {
            (true, false, None) if selection == Selection::default() && text.when.is_empty() => Membership::Imported,
            (true, _, _) => {
                let message = "an imported universe has no screen, no symbols, no bounds and no when";
                return Err(self.value("universe.imported", message.to_owned()));
            }
            (false, false, Some(symbols)) if selection == Selection::default() => {
                if !text.when.is_empty() {
                    return Err(self.value("universe.when", "a fixed list does not change with the market".to_owned()));
                }
                Membership::Fixed(symbols)
            }
            (false, _, fixed) => {
                let when = text.when.into_iter().map(|w| {
                    let other = Selection {
                        count: w.count.or(selection.count),
                        at_least: w.at_least.or(selection.at_least),
                        below: w.below.or(selection.below),
                    };
                    self.selection("universe.when", other).map(|other| (w.market, other))
                });
                Membership::Screened { selection, when: when.collect::<Result<_, _>>()?, fixed }
            }
        };
        let naming = self.naming("universe.key", kind, &text.key, text.name)?;
        for (at, keys) in [("universe.aliases", &text.aliases), ("universe.mirrors", &text.mirrors)] {
            for key in keys {
                UniverseId::new(kind, key).map_err(|e| self.value(at, e.to_string()))?;
            }
        }
        let aliases = text.aliases.into_iter().chain(text.mirrors.iter().cloned()).collect();
        Ok(Definition::Single(Box::new(SingleUniverse { naming, aliases, mirrors: text.mirrors, membership })))
    }

    fn bands(&self, kind: UniverseType, texts: Vec<BandText>) -> Result<Definition, RuleError> {
        let mut bands: Vec<Band> = Vec::with_capacity(texts.len());
        if texts.is_empty() {
            return Err(self.value("band", "a family has at least one band".to_owned()));
        }
        for text in texts {
            if !text.at_least.is_finite() {
                return Err(self.value("band.at_least", format!("{} is no breakpoint", text.at_least)));
            }
            let below = bands.last().map(|band| band.at_least);
            if below.is_some_and(|below| text.at_least >= below) || text.at_least < 0.0 {
                let message = format!("{} is not below the band before it; list bands from the highest", text.at_least);
                return Err(self.value("band.at_least", message));
            }
            let naming = self.naming("band.key", kind, &text.key, text.name)?;
            bands.push(Band { naming, at_least: text.at_least, below });
        }
        Ok(Definition::Bands(bands))
    }

    fn rankings(&self, kind: UniverseType, texts: Vec<RankingText>) -> Result<Definition, RuleError> {
        if texts.is_empty() {
            return Err(self.value("ranking", "a family has at least one ranking".to_owned()));
        }
        let rankings = texts.into_iter().map(|text| {
            self.selection("ranking", Selection { count: Some(text.count), at_least: None, below: None })?;
            let naming = self.naming("ranking.key", kind, &text.key, text.name)?;
            Ok(Ranking { naming, count: text.count })
        });
        rankings.collect::<Result<_, _>>().map(Definition::Rankings)
    }

    fn groups(&self, kind: UniverseType, text: GroupsText) -> Result<Definition, RuleError> {
        self.selection("groups", Selection { count: text.count, at_least: None, below: None })?;
        let names = text.names.into_iter().map(|(spelling, name)| match name {
            toml::Value::String(name) => Ok((spelling, name)),
            other => Err(self.value("groups.names", format!("{other} is no name"))),
        });
        let names = names.collect::<Result<_, _>>()?;
        let groups = Groups { by: text.by, key: text.key, name: text.name, names, count: text.count };
        if groups.naming(kind, "sample").is_none_or(|naming| !naming.id.key().contains("sample")) {
            return Err(self.value("groups.key", format!("{:?} must be a key with {{}} in it", groups.key)));
        }
        Ok(Definition::Groups(groups))
    }

    fn screen(&self, text: &Spanned<String>) -> Result<Screen, RuleError> {
        Screen::compile(text.get_ref(), self.facts).map_err(|source| self.at("screen", text, source))
    }

    fn selection(&self, key: &str, selection: Selection) -> Result<Selection, RuleError> {
        if selection.count.is_some_and(|count| count == 0 || count > COUNT_MAX) {
            return Err(self.value(&format!("{key}.count"), format!("a count is between 1 and {COUNT_MAX}")));
        }
        if let (Some(lo), Some(hi)) = (selection.at_least, selection.below)
            && (lo >= hi || lo.is_nan() || hi.is_nan())
        {
            return Err(self.value(&format!("{key}.at_least"), format!("{lo} is not less than below = {hi}")));
        }
        Ok(selection)
    }

    fn change_limit(&self, text: Option<ChangeLimitText>) -> Result<Option<ChangeLimit>, RuleError> {
        let Some(text) = text else { return Ok(Some(CHANGE_LIMIT)) };
        let limit = ChangeLimit {
            share: text.share.unwrap_or(CHANGE_LIMIT.share),
            count_min: text.count_min.unwrap_or(CHANGE_LIMIT.count_min),
        };
        if !(0.0..=1.0).contains(&limit.share) {
            return Err(self.value("change_limit.share", format!("{} is not between 0 and 1", limit.share)));
        }
        Ok((!text.off).then_some(limit))
    }

    fn symbols(&self, texts: &[String]) -> Result<Vec<Symbol>, RuleError> {
        let symbols = texts.iter().map(|text| Symbol::parse(text)).collect::<Result<Vec<_>, _>>();
        let symbols = symbols.map_err(|e| self.value("universe.symbols", e.to_string()))?;
        let mut sorted = symbols.clone();
        sorted.sort();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(self.value("universe.symbols", format!("{} is listed twice", pair[0]))),
            None => Ok(symbols),
        }
    }

    fn naming(&self, at: &str, kind: UniverseType, key: &str, name: String) -> Result<Naming, RuleError> {
        let id = UniverseId::new(kind, key).map_err(|e| self.value(at, e.to_string()))?;
        Ok(Naming { id, name })
    }

    fn value(&self, key: &str, message: String) -> RuleError {
        RuleError::Value { file: self.file.to_owned(), key: key.to_owned(), message }
    }

    fn at(&self, key: &str, text: &Spanned<String>, source: ExpressionError) -> RuleError {
        let line = self.text[..text.span().start].matches('\n').count() + 1;
        RuleError::Expression { file: self.file.to_owned(), line, key: key.to_owned(), source }
    }
}
