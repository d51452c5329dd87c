//! All rules in force together: the shipped ones, with a directory of the user's own laid over them.

use std::collections::BTreeMap;

use super::defaults::DEFAULT_FILES;
use super::{Definition, GroupField, Membership, Rule, RuleError};
use crate::{UniverseId, UniverseType};

/// The shipped profiles: `classic` has the seeds' thresholds as they are, `steady` adds buffers.
pub const PROFILES: [&str; 2] = ["classic", "steady"];

/// The text of one rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// Its name, with ending.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The rules in force, in order of file name, with no address defined twice.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSet {
    /// The profile that they were read for.
    pub profile: String,
    /// The rules.
    pub rules: Vec<Rule>,
    addresses: BTreeMap<UniverseId, usize>,
    aliases: BTreeMap<UniverseId, UniverseId>,
}

impl RuleSet {
    /// Returns the files of the shipped default rules.
    #[must_use]
    pub fn default_files() -> Vec<RuleFile> {
        let file = |(name, text): &(&str, &str)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() };
        DEFAULT_FILES.iter().map(file).collect()
    }

    /// Reads the shipped rules with `own` files laid over them.
    ///
    /// A file of the same name replaces the shipped one, an empty one switches it off, any other is added.
    ///
    /// # Errors
    /// When the profile or a file is wrong, or two files define one address.
    pub fn load(profile: &str, own: &[RuleFile], facts: &[String]) -> Result<Self, RuleError> {
        let mut files: BTreeMap<String, String> =
            Self::default_files().into_iter().map(|file| (file.name, file.text)).collect();
        files.extend(own.iter().map(|file| (file.name.clone(), file.text.clone())));
        let files = files.into_iter().filter(|(_, text)| !text.trim().is_empty());
        Self::from_files(profile, files.map(|(name, text)| RuleFile { name, text }), facts)
    }

    /// Reads exactly the given files.
    ///
    /// # Errors
    /// As for [`RuleSet::load`].
    pub fn from_files(
        profile: &str,
        files: impl IntoIterator<Item = RuleFile>,
        facts: &[String],
    ) -> Result<Self, RuleError> {
        if !PROFILES.contains(&profile) {
            return Err(RuleError::UnknownProfile(profile.to_owned()));
        }
        let mut set = Self {
            profile: profile.to_owned(),
            rules: Vec::new(),
            addresses: BTreeMap::new(),
            aliases: BTreeMap::new(),
        };
        for file in files {
            set.add(Rule::parse(&file.name, &file.text, profile, facts)?)?;
        }
        Ok(set)
    }

    /// Returns the rule that defines an address; groups define theirs as values appear.
    #[must_use]
    pub fn rule_of(&self, id: &UniverseId) -> Option<&Rule> {
        self.addresses.get(id).map(|at| &self.rules[*at])
    }

    /// Returns the address that an older key stands for.
    #[must_use]
    pub fn alias_target(&self, alias: &UniverseId) -> Option<&UniverseId> {
        self.aliases.get(alias)
    }

    /// Returns whether an address is kept as a copy of another universe's entry.
    #[must_use]
    pub fn is_mirror(&self, id: &UniverseId) -> bool {
        self.rules.iter().any(|rule| rule.mirrors(id))
    }

    /// Returns every older key and what it stands for.
    #[must_use]
    pub fn aliases(&self) -> &BTreeMap<UniverseId, UniverseId> {
        &self.aliases
    }

    /// Returns every address that is defined by name, in order.
    pub fn addresses(&self) -> impl Iterator<Item = &UniverseId> {
        self.addresses.keys()
    }

    /// Returns the loadable figures that any rule needs, each once, sorted.
    #[must_use]
    pub fn facts(&self) -> Vec<String> {
        let mut facts: Vec<String> = self.rules.iter().flat_map(Rule::facts).collect();
        facts.sort();
        facts.dedup();
        facts
    }

    /// Returns whether any rule reads names of securities, which are loaded only on demand.
    #[must_use]
    pub fn reads_company_name(&self) -> bool {
        self.rules.iter().any(|rule| {
            rule.share_classes == super::ShareClasses::OnePerCompany
                || rule.screen.as_ref().is_some_and(crate::Screen::reads_company_name)
        })
    }

    /// Returns whether any rule reads what few do: exchange, country, currency, and what is known of funds.
    #[must_use]
    pub fn reads_details(&self) -> bool {
        self.rules.iter().any(|rule| {
            let by_field = match &rule.definition {
                Definition::Groups(groups) => matches!(groups.by, GroupField::Country | GroupField::Exchange),
                Definition::Single(_) | Definition::Bands(_) | Definition::Rankings(_) => false,
            };
            by_field || rule.metric.reads_details() || rule.screen.as_ref().is_some_and(crate::Screen::reads_details)
        })
    }

    fn add(&mut self, rule: Rule) -> Result<(), RuleError> {
        let at = self.rules.len();
        let file = format!("{}.toml", rule.name);
        for id in rule.defined_addresses() {
            if let Some(other) = self.addresses.insert(id.clone(), at) {
                let other = self.rules.get(other).map_or(file.clone(), |rule| format!("{}.toml", rule.name));
                return Err(RuleError::Duplicate { file, key: id.to_string(), other });
            }
        }
        if let Definition::Single(single) = &rule.definition {
            for alias in &single.aliases {
                let alias = UniverseId::from_stored(rule.universe_type, alias);
                if let Some(other) = self.aliases.insert(alias.clone(), single.naming.id.clone()) {
                    return Err(RuleError::Duplicate { file, key: alias.to_string(), other: other.to_string() });
                }
            }
        }
        self.rules.push(rule);
        Ok(())
    }
}

impl Rule {
    /// Returns the addresses that it defines by name; the universes of groups come with their values.
    #[must_use]
    pub fn defined_addresses(&self) -> Vec<UniverseId> {
        match &self.definition {
            Definition::Single(single) => vec![single.naming.id.clone()],
            Definition::Bands(bands) => bands.iter().map(|band| band.naming.id.clone()).collect(),
            Definition::Rankings(rankings) => rankings.iter().map(|ranking| ranking.naming.id.clone()).collect(),
            Definition::Groups(_) => Vec::new(),
        }
    }

    /// Returns whether an address is kept as a copy of its universe's entry.
    #[must_use]
    pub fn mirrors(&self, id: &UniverseId) -> bool {
        let Definition::Single(single) = &self.definition else { return false };
        self.universe_type == id.universe_type && single.mirrors.iter().any(|key| key == id.key())
    }

    /// Returns the symbols that it lists itself, known to the market or not.
    #[must_use]
    pub fn listed_symbols(&self) -> &[crate::Symbol] {
        let Definition::Single(single) = &self.definition else { return &[] };
        match &single.membership {
            Membership::Fixed(symbols) | Membership::Screened { fixed: Some(symbols), .. } => symbols,
            Membership::Screened { fixed: None, .. } | Membership::Imported => &[],
        }
    }

    /// Returns whether its type is the one for exchange traded funds.
    #[must_use]
    pub fn is_for_etfs(&self) -> bool {
        self.universe_type == UniverseType::EtfUniverse
    }
}
