use super::*;

fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    file
}

#[test]
fn flags_go_before_environment_before_file_before_defaults() {
    let file = file("[database]\nuri = \"sqlite:file.db\"\nenvironment = \"FILE\"\n[rules]\nprofile = \"steady\"\n");
    let variables = environment(&[("DATABASE_URL", "sqlite:url.db"), ("UNIVERSE__DATABASE__ENVIRONMENT", "ENV")]);
    let flags = [("database.environment", "FLAG".to_owned())];
    let config = Config::load(Some(file.path()), variables, &flags).expect("right");
    assert_eq!(config.get("database.uri"), Some("sqlite:url.db"));
    assert_eq!(config.get("database.environment"), Some("FLAG"));
    assert_eq!(config.get("rules.profile"), Some("steady"));
    assert_eq!(config.get("log.level"), Some("warn"));
    assert_eq!(config.get("rules.directory"), None);
}

#[test]
fn unknown_settings_are_refused_with_a_suggestion() {
    let complaint = |text: &str| Config::load(Some(file(text).path()), [], &[]).expect_err("wrong").to_string();
    assert!(complaint("[rules]\nprofil = \"steady\"\n").contains("did you mean rules.profile?"));
    assert!(complaint("profile = \"steady\"\n").contains("unknown setting profile"));
    assert!(complaint("[rules]\nprofile = \"wild\"\n").contains("classic"));
    assert!(complaint("[rules\n").contains("is not right"));
    let variables = environment(&[("UNIVERSE__DATABSE__URI", "x")]);
    let error = Config::load(Some(file("").path()), variables, &[]).expect_err("wrong").to_string();
    assert!(error.contains("UNIVERSE__DATABSE__URI") && error.contains("database.uri"), "{error}");
}

#[test]
fn a_named_file_must_exist() {
    let error = Config::load(Some(Path::new("/nowhere/universe.toml")), [], &[]).expect_err("missing");
    assert!(error.to_string().contains("/nowhere/universe.toml"), "{error}");
}

#[test]
fn passwords_are_not_shown() {
    let variables = environment(&[("DATABASE_URI", "postgresql://app:s3cret@db.example/tickstock")]);
    let config = Config::load(Some(file("").path()), variables, &[]).expect("right");
    let (_, shown, origin) = config.shown().into_iter().find(|(key, ..)| *key == "database.uri").expect("set");
    assert_eq!(shown, "postgresql://app:…@db.example/tickstock");
    assert_eq!(origin, "the environment variable DATABASE_URI");
}

#[test]
fn the_sample_is_a_configuration() {
    let sample = file(&Config::sample());
    Config::load(Some(sample.path()), [], &[]).expect("the sample is right");
}
