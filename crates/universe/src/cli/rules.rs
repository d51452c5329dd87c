//! `universe rules`.

use anyhow::Context as _;
use serde_json::json;
use universe_core::rule::{Definition, Membership, Rule, RuleFile, RuleSet};
use universe_core::{UniverseId, UniverseType};

use super::arguments::{Global, Rules};
use super::output::{self, Rows};
use super::{EXIT_DONE, session};
use crate::config::Config;

pub(crate) async fn run(global: &Global, config: &Config, command: &Rules) -> anyhow::Result<u8> {
    let facts = session::fact_list(global, config).await?;
    match command {
        Rules::Check { files } if files.is_empty() => {
            let rules = session::rules_with(config, &facts)?;
            output::remark(global, &format!("{} rules are right (profile {})", rules.rules.len(), rules.profile));
        }
        Rules::Check { files } => {
            let files = files.iter().map(|file| session::rule_file(file)).collect::<Result<Vec<RuleFile>, _>>()?;
            let profile = config.get("rules.profile").unwrap_or("classic");
            let rules = RuleSet::from_files(profile, files, &facts)?;
            output::remark(global, &format!("{} rules are right", rules.rules.len()));
        }
        Rules::Show { name: None } => list(global, &session::rules_with(config, &facts)?)?,
        Rules::Show { name: Some(name) } => {
            let rules = session::rules_with(config, &facts)?;
            output::write_out(&text_of(config, &rules, name)?)?;
        }
    }
    Ok(EXIT_DONE)
}

fn list(global: &Global, rules: &RuleSet) -> anyhow::Result<()> {
    let data: Vec<_> = rules
        .rules
        .iter()
        .map(|rule| {
            json!({
                "rule": rule.name,
                "version": rule.version,
                "type": rule.universe_type,
                "category": rule.category,
                "universes": rule.defined_addresses(),
                "chosen_by": chosen_by(rule),
                "screen": rule.screen.as_ref().map(ToString::to_string),
                "metric": rule.metric.to_string(),
                "buffer": rule.buffer,
                "cadence": rule.cadence,
                "share_classes": rule.share_classes,
                "needs": rule.facts(),
                "description": rule.description,
            })
        })
        .collect();
    output::print(global, &data, || Rows {
        columns: vec!["rule", "category", "universes", "chosen_by", "buffer", "description"],
        rows: rules
            .rules
            .iter()
            .map(|rule| {
                let keys: Vec<String> = rule.defined_addresses().iter().map(|id| id.key().to_owned()).collect();
                vec![
                    rule.name.clone(),
                    rule.category.to_string(),
                    keys.join(" "),
                    chosen_by(rule),
                    if rule.buffer > 0.0 { format!("{} %", rule.buffer * 100.0) } else { String::new() },
                    rule.description.clone().unwrap_or_default(),
                ]
            })
            .collect(),
    })
}

fn chosen_by(rule: &Rule) -> String {
    match &rule.definition {
        Definition::Bands(bands) => format!("{} bands of {}", bands.len(), rule.metric),
        Definition::Rankings(_) => format!("rank by {}", rule.metric),
        Definition::Groups(groups) => match groups.count {
            Some(count) => format!("the first {count} of each group"),
            None => "each value of a field".to_owned(),
        },
        Definition::Single(single) => match &single.membership {
            Membership::Screened { .. } => "a screen".to_owned(),
            Membership::Fixed(symbols) => format!("a list of {}", symbols.len()),
            Membership::Imported => "imported lists".to_owned(),
        },
    }
}

/// Returns the text of the rule with a name, or of the rule that defines a key.
fn text_of(config: &Config, rules: &RuleSet, name: &str) -> anyhow::Result<String> {
    let by_key = UniverseType::ALL.into_iter().find_map(|of| {
        let id = UniverseId::from_stored(of, name);
        rules.rule_of(rules.alias_target(&id).unwrap_or(&id))
    });
    let rule = rules.rules.iter().find(|rule| rule.name == name).or(by_key);
    let names = rules.rules.iter().map(|rule| rule.name.as_str());
    let near = universe_core::nearest(name, names)
        .map_or_else(|| "; `universe rules show` lists them".to_owned(), |near| format!("; did you mean {near}?"));
    let rule = rule.with_context(|| format!("there is no rule {name}{near}"))?;
    let file = format!("{}.toml", rule.name);
    let own = session::own_rule_files(config)?;
    let found = own.into_iter().find(|own| own.name == file);
    let found = found.or_else(|| RuleSet::default_files().into_iter().find(|shipped| shipped.name == file));
    Ok(found.map(|file| file.text).unwrap_or_default())
}
