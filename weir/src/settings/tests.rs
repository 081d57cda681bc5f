//! Which layer wins, and what is refused.

use std::{ffi::OsString, fs, path::Path};

use clap::Parser;

use super::{Flags, Layers, LogFormat, Settings};
use crate::trouble::Trouble;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    flags: Flags,
}

fn load(flags: &[&str], environment: &[(&str, &str)]) -> Result<Layers, Trouble> {
    let flags = Command::parse_from([&["weir"], flags].concat()).flags;
    let environment = environment
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Layers::load_from(&flags, environment)
}

fn settings(flags: &[&str], environment: &[(&str, &str)]) -> Result<Settings, Trouble> {
    load(flags, environment)?.settings()
}

fn refused(flags: &[&str], environment: &[(&str, &str)]) -> String {
    match settings(flags, environment) {
        Err(trouble) => trouble.to_string(),
        Ok(_) => panic!("{flags:?} {environment:?} was taken"),
    }
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    file
}

fn name(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

#[test]
fn the_defaults_are_valid_and_close_to_the_code() {
    let settings = settings(&[], &[]).unwrap();
    assert_eq!(settings.listen().to_string(), "127.0.0.1:8080");
    assert_eq!(settings.data_dir, Path::new("./weir-data"));
    assert_eq!(
        settings.public_url(settings.listen()).unwrap().as_str(),
        "http://127.0.0.1:8080/"
    );
    assert!(
        settings.database_url().is_none() && settings.redis_url().is_none() && settings.root_key().is_none()
    );
    let broker = broker::Settings::default();
    assert_eq!(format!("{:?}", settings.sockets()), format!("{broker:?}"));
    let worker = worker::Settings::default();
    assert_eq!(format!("{:?}", settings.worker), format!("{worker:?}"));
    let journal = domain::journal::Settings::default();
    assert_eq!(format!("{:?}", settings.journal()), format!("{journal:?}"));
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let file = file(
        "listen = \"127.0.0.1:1\"\ndata_dir = \"/file\"\n[log]\nformat = \"json\"\nfilter = \"debug\"\n",
    );
    let environment = [
        ("WEIR_CONFIG", name(&file)),
        ("WEIR_LISTEN", "127.0.0.1:2"),
        ("WEIR_LOG__FILTER", "trace"),
    ];
    let settings = settings(&["--listen", "127.0.0.1:3"], &environment).unwrap();
    assert_eq!(settings.listen().port(), 3);
    assert_eq!(settings.data_dir, Path::new("/file"));
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.log.filter, "trace");
    let layers = load(&["--listen", "127.0.0.1:3"], &environment).unwrap();
    let origin = |key: &str| {
        let (.., origin) = layers
            .effective()
            .into_iter()
            .find(|(known, ..)| *known == key)
            .unwrap();
        origin.to_string()
    };
    assert_eq!(origin("listen"), "--listen");
    assert_eq!(origin("log.filter"), "WEIR_LOG__FILTER");
    assert_eq!(origin("data_dir"), name(&file));
    assert_eq!(origin("node.number"), "default");
}

#[test]
fn the_flag_for_the_file_beats_the_variable_for_it() {
    let (one, two) = (file("[node]\nnumber = 1\n"), file("[node]\nnumber = 2\n"));
    let settings = settings(&["--config", name(&two)], &[("WEIR_CONFIG", name(&one))]).unwrap();
    assert_eq!(settings.node.number, 2);
}

#[test]
fn an_unknown_name_is_refused_with_the_one_that_was_probably_meant() {
    let told = refused(&[], &[("WEIR_LISTN", "127.0.0.1:1")]);
    assert!(
        told.contains("WEIR_LISTN") && told.contains("did you mean WEIR_LISTEN?"),
        "{told}"
    );
    let told = refused(&[], &[("WEIR_LOG_FORMAT", "json")]);
    assert!(told.contains("did you mean WEIR_LOG__FORMAT?"), "{told}");
    let file = file("[http]\nrequest_per_second = 5\n");
    let told = refused(&["--config", name(&file)], &[]);
    assert!(
        told.contains("http.request_per_second") && told.contains("did you mean http.requests_per_second?"),
        "{told}"
    );
    let told = refused(&[], &[("WEIR_QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", "1")]);
    assert!(
        told.contains("remove it") && !told.contains("did you mean"),
        "{told}"
    );
}

#[test]
fn a_section_of_comments_and_variables_of_others_are_nobodys_business() {
    let file = file("[log]\n# format = \"json\"\n");
    settings(&["--config", name(&file)], &[("HOME", "/root"), ("WEIRD", "1")]).unwrap();
}

#[test]
fn a_value_of_another_kind_is_refused_with_its_name_and_origin() {
    let told = refused(&[], &[("WEIR_NODE__NUMBER", "many")]);
    assert!(
        told.contains("WEIR_NODE__NUMBER must be a whole number"),
        "{told}"
    );
    let file = file("[store]\ndurable = \"yes\"\n");
    let told = refused(&["--config", name(&file)], &[]);
    assert!(
        told.contains("store.durable") && told.contains("true or false"),
        "{told}"
    );
    let told = refused(&[], &[("WEIR_LOG__FORMAT", "xml")]);
    assert!(
        told.contains("log.format") && told.contains("WEIR_LOG__FORMAT") && told.contains("xml"),
        "{told}"
    );
    let told = refused(&[], &[("WEIR_EGRESS__PORTS", "443,http")]);
    assert!(
        told.contains("egress.ports") && told.contains("WEIR_EGRESS__PORTS"),
        "{told}"
    );
    let told = refused(&["--listen", "localhost"], &[]);
    assert!(
        told.contains("listen") && told.contains("127.0.0.1:8080"),
        "{told}"
    );
}

#[test]
fn lists_come_from_the_environment_with_commas() {
    let environment = [
        ("WEIR_EGRESS__ALLOW", "10.1.0.0/16, 192.0.2.7/32"),
        ("WEIR_EGRESS__LOOPBACK", "no"),
    ];
    let egress = settings(&[], &environment).unwrap().egress().unwrap();
    assert_eq!(egress.allow.len(), 2);
    let told = refused(&[], &[("WEIR_EGRESS__ALLOW", "10.1.0.0")]);
    assert!(told.contains("10.1.0.0 is not a network"), "{told}");
}

#[test]
fn loopback_is_open_to_tenants_only_while_everything_is_local() {
    let open = |flags: &[&str]| settings(flags, &[]).unwrap().is_loopback_open().unwrap();
    assert!(open(&[]));
    assert!(open(&["--public-url", "http://localhost:8080"]));
    assert!(!open(&["--public-url", "https://weir.example.com"]));
    assert!(!open(&["--listen", "0.0.0.0:8080"]));
}

#[test]
fn the_public_address_follows_the_listening_one() {
    let of = |flags: &[&str], bound: &str| {
        settings(flags, &[])
            .unwrap()
            .public_url(bound.parse().unwrap())
            .unwrap()
            .to_string()
    };
    assert_eq!(
        of(&["--listen", "127.0.0.1:0"], "127.0.0.1:4711"),
        "http://127.0.0.1:4711/"
    );
    assert_eq!(of(&["--listen", "0.0.0.0:80"], "0.0.0.0:80"), "http://127.0.0.1/");
    assert_eq!(of(&["--listen", "[::]:81"], "[::]:81"), "http://[::1]:81/");
    assert_eq!(
        of(&["--tls-cert", "a", "--tls-key", "b"], "127.0.0.1:443"),
        "https://127.0.0.1/"
    );
    assert_eq!(
        of(&["--public-url", "https://weir.example.com"], "127.0.0.1:1"),
        "https://weir.example.com/"
    );
}

#[test]
fn what_belongs_together_comes_together() {
    let told = refused(&["--database-url", "postgres://localhost/weir"], &[]);
    assert!(told.contains("vault_url"), "{told}");
    let same = "postgres://localhost/weir";
    let told = refused(&["--database-url", same, "--vault-url", same], &[]);
    assert!(told.contains("the same database"), "{told}");
    let told = refused(&["--tls-cert", "cert.pem"], &[]);
    assert!(told.contains("tls_key"), "{told}");
    let told = refused(&["--redis-url", "redis://one,http://localhost"], &[]);
    assert!(told.contains("redis_url"), "{told}");
    let told = refused(&["--redis-url", "http://localhost"], &[]);
    assert!(
        told.contains("redis_url") && !told.contains("localhost"),
        "{told}"
    );
}

#[test]
fn secrets_are_in_no_output() {
    let environment = [
        ("WEIR_ROOT_KEY", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYzE="),
        (
            "WEIR_SMTP_URL",
            "smtp://user:passw0rd@mail.example:587?x=passw0rd",
        ),
        ("WEIR_DATABASE_URL", "postgres://user:passw0rd@db/a"),
        ("WEIR_VAULT_URL", "postgres://user:passw0rd@db/b"),
    ];
    let layers = load(&[], &environment).unwrap();
    let shown: Vec<String> = layers
        .effective()
        .into_iter()
        .map(|(key, value, _)| format!("{key}={value}"))
        .collect();
    let shown = shown.join(
        "
",
    );
    let debug = format!("{:?}", layers.settings().unwrap());
    for text in [&shown, &debug] {
        assert!(!text.contains("passw0rd") && !text.contains("c2Vjc"), "{text}");
    }
    assert!(
        shown.contains("smtp_url=smtp://user:***@mail.example:587"),
        "{shown}"
    );
    let file = file("smtp_url = smtp://user:passw0rd@mail.example\n");
    let told = refused(&["--config", name(&file)], &[]);
    assert!(told.contains("line 1") && !told.contains("passw0rd"), "{told}");
}
