//! The key `targets` of `headroom.yaml`, and what becomes of it.

use headroom_model::body::TargetRef;
use headroom_targets::{Guarantee, Settings, TargetError, Targets};

const GOOD: &str = r#"
- kind: process
  namespace: shop
  name: web
  program: /usr/local/bin/web
  args: ["--port", "{port}"]
  state_directory: /var/lib/headroom
  ready: http://127.0.0.1:{port}/ready
  stop_signal: INT
- kind: command
  namespace: shop
  name: batch
  program: ansible-playbook
  args: [scale.yml, -e, "count={replicas}"]
  idempotent: true
  read: { program: /usr/local/bin/count-batch }
- kind: command
  namespace: other
  name: secret
  program: /bin/true
  initial_replicas: 2
"#;

fn settings(text: &str) -> Result<Settings, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

fn target(kind: &str, name: &str) -> TargetRef {
    TargetRef {
        api_version: None,
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

#[test]
fn a_policy_reaches_the_targets_of_its_own_namespace() {
    let targets = Targets::from_settings(&settings(GOOD).unwrap()).unwrap();
    for kind in ["process", "Process"] {
        let (name, driver) = targets.resolve("shop", &target(kind, "web")).unwrap();
        assert_eq!(
            (name.to_string(), driver.guarantee()),
            ("shop/web".to_owned(), Guarantee::CompareAndSet)
        );
    }
    let (_, driver) = targets
        .resolve("shop", &target("Command", "batch"))
        .unwrap();
    assert_eq!(driver.guarantee(), Guarantee::IdempotentSet);
    let names: Vec<_> = targets
        .names()
        .map(|(name, kind)| format!("{kind} {name}"))
        .collect();
    assert_eq!(
        names,
        [
            "command other/secret",
            "command shop/batch",
            "process shop/web"
        ]
    );
}

#[test]
fn what_is_not_configured_is_named_with_the_key_to_add() {
    let targets = Targets::from_settings(&settings(GOOD).unwrap()).unwrap();
    let error = |namespace, kind, name| match targets.resolve(namespace, &target(kind, name)) {
        Ok(_) => panic!("{namespace}/{name} is out of reach"),
        Err(error) => error,
    };
    assert_eq!(
        error("shop", "Command", "secret").to_string(),
        "target command secret is not configured for namespace shop (it has command batch, process web); add it to \
         headroom.yaml under the key targets: { kind: command, namespace: shop, name: secret, … }"
    );
    let cases = [
        ("another kind", "shop", "Deployment", "web"),
        ("another name", "shop", "process", "web2"),
        ("a namespace without targets", "empty", "process", "web"),
    ];
    for (case, namespace, kind, name) in cases {
        let error = error(namespace, kind, name);
        assert!(
            matches!(error, TargetError::NotConfigured { .. }) && !error.is_retryable(),
            "{case}: {error}"
        );
    }
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    let process = "kind: process, namespace: shop, name: web, program: web, state_directory: /s";
    let command = "kind: command, namespace: shop, name: web, program: scale, initial_replicas: 1";
    let cases = [
        (
            "a relative program",
            "kind: process, namespace: shop, name: web, program: bin/web, state_directory: /s"
                .to_owned(),
            "program \"bin/web\" depends on the working directory",
        ),
        (
            "no program",
            "kind: command, namespace: shop, name: web, initial_replicas: 1, program: ''"
                .to_owned(),
            "program is empty",
        ),
        (
            "a relative state directory",
            "kind: process, namespace: shop, name: web, program: web, state_directory: s"
                .to_owned(),
            "state_directory \"s\" depends",
        ),
        (
            "a relative working directory",
            format!("{command}, working_directory: w"),
            "working_directory \"w\" depends",
        ),
        (
            "an unknown placeholder",
            format!("{process}, args: ['{{count}}']"),
            "args: \"{count}\" has the placeholder {count}",
        ),
        (
            "an unknown placeholder in the environment",
            format!("{process}, env: {{A: '{{x}}'}}"),
            "env.A: ",
        ),
        (
            "a ready check that is none",
            format!("{process}, ready: yes!"),
            "ready \"yes!\" is neither",
        ),
        (
            "ports that do not fit",
            format!("{process}, port_base: 65500"),
            "needs ports 65500 to 65755",
        ),
        (
            "a time-out of zero",
            format!("{command}, timeout_seconds: 0"),
            "timeout_seconds is 0",
        ),
        (
            "a read time-out of zero",
            format!("{command}, read: {{program: count, timeout_seconds: 0}}"),
            "read.timeout_seconds is 0",
        ),
        (
            "a count that nobody knows",
            "kind: command, namespace: shop, name: web, program: scale".to_owned(),
            "add read: { program: … }",
        ),
        (
            "retrying what is done",
            format!("{command}, retry_exit_codes: [0]"),
            "retry_exit_codes has 0",
        ),
        (
            "a bad name",
            "kind: command, namespace: Shop, name: web, program: scale, initial_replicas: 1"
                .to_owned(),
            "\"Shop\" contains 'S'",
        ),
    ];
    for (case, fields, want) in cases {
        let error = Targets::from_settings(&settings(&format!("[{{ {fields} }}]")).unwrap())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("headroom.yaml: targets[0] ("),
            "{case}: {error}"
        );
        assert!(error.contains(want), "{case}: {error}");
    }
}

#[test]
fn a_target_that_is_there_twice_is_refused() {
    let twice = "{kind: command, namespace: shop, name: web, program: scale, initial_replicas: 1}";
    let error =
        Targets::from_settings(&settings(&format!("[{twice}, {twice}]")).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "headroom.yaml: targets[1] (command shop/web): is there twice; remove one or give it another name"
    );
}

#[test]
fn a_text_that_is_no_setting_is_refused_with_its_place() {
    let cases = [
        (
            "an unknown field",
            GOOD.replace("stop_signal", "stop_sign"),
            "stop_sign",
        ),
        (
            "an unknown kind",
            GOOD.replace("kind: process", "kind: docker"),
            "docker",
        ),
        (
            "an unknown signal",
            GOOD.replace("INT", "SIGSTOP"),
            "SIGSTOP",
        ),
        (
            "a missing field",
            GOOD.replace("  state_directory: /var/lib/headroom\n", ""),
            "state_directory",
        ),
        (
            "a number out of range",
            GOOD.replace("initial_replicas: 2", "initial_replicas: -2"),
            "-2",
        ),
    ];
    for (case, text, want) in cases {
        let error = settings(&text).unwrap_err();
        assert!(error.contains(want), "{case}: {error}");
    }
}
