use super::*;

fn complaint(text: &str) -> String {
    Rule::parse("theme_x.toml", text, "classic", &[]).expect_err("is wrong").to_string()
}

const HEAD: &str = "category = \"theme\"\n";
const UNIVERSE: &str = "[universe]\nkey = \"theme_x\"\nname = \"X\"\n";

#[test]
fn shipped_rules_are_right_in_every_profile() {
    for profile in PROFILES {
        let set = RuleSet::load(profile, &[], &[]).expect("right");
        for key in [
            "mega_cap",
            "micro_cap",
            "top_10",
            "top_2000",
            "recent_ipos",
            "master_all_stocks",
            "index_sp500",
            "theme_dividend_aristocrats",
            "theme_technology_leaders",
            "theme_esg",
        ] {
            let id = UniverseId::from_stored(UniverseType::StockUniverse, key);
            assert!(set.rule_of(&id).is_some(), "{profile}: {key}");
        }
        for key in ["master_all_etfs", "index_broad_market", "sector_bonds", "theme_crypto"] {
            let id = UniverseId::from_stored(UniverseType::EtfUniverse, key);
            assert!(set.rule_of(&id).is_some(), "{profile}: {key}");
        }
    }
}

#[test]
fn older_keys_resolve() {
    let set = RuleSet::load("classic", &[], &[]).expect("right");
    for (old, new) in [
        ("stock_universe:dividend_aristocrats", "stock_universe:theme_dividend_aristocrats"),
        ("stock_universe:technology_leaders", "stock_universe:theme_technology_leaders"),
        ("stock_universe:large_cap_growth", "stock_universe:theme_large_cap_growth"),
        ("stock_universe:small_cap_value", "stock_universe:theme_small_cap_value"),
        ("etf_universe:etf_core", "etf_universe:index_broad_market"),
    ] {
        let target = set.alias_target(&old.parse().expect("an address"));
        assert_eq!(target.map(ToString::to_string).as_deref(), Some(new));
    }
}

#[test]
fn complaints_point_at_file_key_and_column() {
    let text = format!("{HEAD}\nscreen = \"market_cap > 1 and sectr = 'x'\"\n{UNIVERSE}");
    assert_eq!(
        complaint(&text),
        "rule file theme_x.toml, line 3, key screen, column 20: unknown field \"sectr\"; did you mean \"sector\"?"
    );
    let unknown = complaint(&format!("{HEAD}buffers = 0.1\n{UNIVERSE}"));
    assert!(unknown.contains("line 2, column 1") && unknown.contains("unknown field `buffers`"), "{unknown}");
    assert!(complaint(&format!("{HEAD}buffer = 10.0\n{UNIVERSE}")).contains("key buffer: 10 is not between 0 and 1"));
    assert!(complaint(&format!("{HEAD}{UNIVERSE}count = 0\n")).contains("key universe.count"));
    assert!(complaint(&format!("{HEAD}{UNIVERSE}symbols = [\"A\", \"a\"]\n")).contains("A is listed twice"));
    assert!(complaint(&format!("{HEAD}{UNIVERSE}at_least = 5.0\nbelow = 5.0\n")).contains("not less than"));
    assert!(complaint(&format!("{HEAD}[universe]\nkey = \"Theme X\"\nname = \"X\"\n")).contains("no universe key"));
    assert!(complaint(HEAD).contains("exactly one of"));
    let bands = "[[band]]\nkey=\"a\"\nname=\"A\"\nat_least=1.0\n[[band]]\nkey=\"b\"\nname=\"B\"\nat_least=2.0\n";
    assert!(complaint(&format!("{HEAD}{bands}")).contains("list bands from the highest"));
}

#[test]
fn one_address_has_one_rule() {
    let file =
        |name: &str| RuleFile { name: name.to_owned(), text: format!("{HEAD}screen = \"is_active\"\n{UNIVERSE}") };
    let error = RuleSet::from_files("classic", [file("a.toml"), file("b.toml")], &[]).expect_err("twice");
    assert_eq!(error.to_string(), "rule file b.toml: stock_universe:theme_x is already defined in a.toml");
}

#[test]
fn own_files_replace_switch_off_and_add() {
    let own = [
        RuleFile { name: "bands.toml".to_owned(), text: String::new() },
        RuleFile { name: "theme_x.toml".to_owned(), text: format!("{HEAD}screen = \"is_active\"\n{UNIVERSE}") },
    ];
    let set = RuleSet::load("classic", &own, &[]).expect("right");
    let defines = |key| set.rule_of(&UniverseId::from_stored(UniverseType::StockUniverse, key)).is_some();
    assert!(!defines("mega_cap") && defines("theme_x") && defines("top_500"));
}

#[test]
fn cadences_are_due_once_a_period() {
    use jiff::civil::date;
    let friday = Some(date(2024, 3, 29));
    assert!(Cadence::Daily.is_due(friday, date(2024, 3, 29)));
    assert!(!Cadence::Weekly.is_due(Some(date(2024, 3, 25)), date(2024, 3, 29)));
    assert!(Cadence::Weekly.is_due(friday, date(2024, 4, 1)));
    assert!(!Cadence::Weekly.is_due(Some(date(2024, 12, 30)), date(2025, 1, 2)), "one ISO week, two years");
    assert!(!Cadence::Monthly.is_due(Some(date(2024, 3, 1)), date(2024, 3, 29)));
    assert!(Cadence::Monthly.is_due(friday, date(2024, 4, 1)));
    assert!(!Cadence::Quarterly.is_due(Some(date(2024, 1, 2)), date(2024, 3, 29)));
    assert!(Cadence::Quarterly.is_due(friday, date(2024, 4, 1)));
    assert!(Cadence::Quarterly.is_due(None, date(2024, 4, 1)));
}

#[test]
fn a_buffer_ends_exactly_where_it_says() {
    let bounds = Selection { count: None, at_least: Some(10e9), below: Some(200e9) };
    assert!(bounds.admits(219_999_999_999.0, 0.1));
    assert!(!bounds.admits(220e9, 0.1), "the upper bound is exclusive");
    assert!(bounds.admits(9e9, 0.1), "the lower bound is inclusive");
    assert!(!bounds.admits(8_999_999_999.0, 0.1));
}

#[test]
fn keys_that_would_be_ignored_are_refused() {
    assert!(complaint(&format!("{HEAD}{UNIVERSE}imported = true\ncount = 5\n")).contains("no bounds"));
    let when = "[[universe.when]]\nmarket = \"calm\"\ncount = 3\n";
    assert!(
        complaint(&format!("{HEAD}{UNIVERSE}symbols = [\"A\"]\n{when}")).contains("does not change with the market")
    );
    assert!(complaint(&format!("{HEAD}band = []\n")).contains("at least one band"));
    let groups = "[groups]\nby = \"sector\"\nkey = \"sector_{}\"\nname = \"{}\"\ncount = 0\n";
    assert!(complaint(&format!("{HEAD}{groups}")).contains("key groups.count"));
}

#[test]
fn a_rule_may_declare_figures_that_are_not_loaded_yet() {
    let text = format!("{HEAD}fields = [\"my_score\"]\nscreen = \"my_score > 1\"\n{UNIVERSE}");
    assert_eq!(Rule::parse("theme_x.toml", &text, "classic", &[]).expect("right").facts(), ["my_score"]);
}
