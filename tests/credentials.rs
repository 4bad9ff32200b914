//! Why there are no AWS credentials, and whom the SDK talks to about them: the real binary's `check`, with the variables of
//! a pod.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use simulator::{Config, Server};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

/// Far more than a look for credentials takes.
const LIMIT: Duration = Duration::from_mins(1);

/// What the operator's binary says of AWS, with these variables and no others.
async fn check(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audit-mitigation-operator"));
    command
        .arg("check")
        .env_clear()
        .env("KUBECONFIG", "/nowhere")
        .env("HOME", "/nowhere")
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        // Nobody listens there: no test may ask AWS.
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(LIMIT, command.output()).await.unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines()
        .filter(|line| line.contains("AWS IoT") || line.contains("AWS_CA_BUNDLE"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Answers every request alike, and keeps what was asked.
#[derive(Clone)]
struct Recorder {
    answer: (u16, String),
    asked: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    async fn start(status: u16, body: &str) -> (String, Self) {
        let recorder = Self {
            answer: (status, body.to_owned()),
            asked: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(record).with_state(recorder.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, recorder)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn record(State(recorder): State<Recorder>, request: Request) -> (StatusCode, String) {
    let asked = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
    recorder.asked.lock().unwrap().push(asked);
    let (status, body) = recorder.answer;
    (StatusCode::from_u16(status).unwrap(), body)
}

/// STS's answer to who may not assume a role, as its API has it.
fn sts_refusal(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>6f3b2c1d-0a9b-4c8d-9e7f-112233445566</RequestId></ErrorResponse>"
    )
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let file = folder.path().join(name);
    fs::write(&file, text).unwrap();
    text_of(&file)
}

fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

const ROLE: &str = "arn:aws:iam::123456789012:role/audit-mitigation";

/// A role's trust policy that doesn't name the service account: the role and what STS said.
#[tokio::test]
async fn a_role_that_sts_refuses_is_named_with_what_sts_said() {
    let refusal = sts_refusal(
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    );
    let (sts, _) = Recorder::start(403, &refusal).await;
    let folder = tempfile::tempdir().unwrap();
    let token = write(&folder, "token", "token");
    let variables = [
        ("AWS_ENDPOINT_URL_STS", sts.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &token),
        ("AWS_ROLE_ARN", ROLE),
    ];
    let said = check(&variables).await;
    for part in [
        "no AWS credentials",
        ROLE,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("6f3b2c1d"), "{said}");
    assert_eq!(check(&variables).await, said, "it is the same each time");
}

/// The role at the end of a chain of roles, as for another account.
#[tokio::test]
async fn a_chain_of_roles_says_which_link_is_refused() {
    let refusal = sts_refusal(
        "AccessDenied",
        "User: arn:aws:iam::111111111111:user/base is not authorized to perform: \
         sts:AssumeRole on resource: arn:aws:iam::222222222222:role/audit-mitigation",
    );
    let (sts, _) = Recorder::start(403, &refusal).await;
    let folder = tempfile::tempdir().unwrap();
    let config = "[default]\nrole_arn = arn:aws:iam::222222222222:role/audit-mitigation\nsource_profile = base\n\
         [profile base]\naws_access_key_id = AKIATEST\naws_secret_access_key = secret\n";
    let config = write(&folder, "config", config);
    let said = check(&[("AWS_CONFIG_FILE", &config), ("AWS_ENDPOINT_URL_STS", &sts)]).await;
    for part in [
        "AWS profile default",
        "AssumeRole with AccessDenied",
        "222222222222:role/audit-mitigation",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// Each thing that is set up by half, or points nowhere, is named.
#[tokio::test]
async fn what_keeps_the_credentials_away_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let half = write(&folder, "half", "[default]\naws_access_key_id = AKIATEST\n");
    let other = write(
        &folder,
        "other",
        "[other]\naws_access_key_id = AKIATEST\naws_secret_access_key = secret\n",
    );
    let empty = write(&folder, "empty", "");
    let broken = write(&folder, "broken", "[default\n");
    let loose = write(
        &folder,
        "loose",
        "[default]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = base\n",
    );
    let sso = write(
        &folder,
        "sso",
        "[default]\nsso_session = it\nsso_account_id = 1\nsso_role_name = a\n\
         [sso-session it]\nsso_region = eu-central-1\nsso_start_url = https://example.com\n",
    );
    let process = write(
        &folder,
        "process",
        "[default]\ncredential_process = /helper/credentials\n",
    );
    let nowhere = text_of(&folder.path().join("nowhere"));
    let file = "AWS_SHARED_CREDENTIALS_FILE";
    for (variables, says) in [
        (
            &[][..],
            &[
                "no AWS profile with credentials",
                "IRSA",
                "EKS Pod Identity",
                "turned off",
            ][..],
        ),
        (
            &[(file, other.as_str()), ("AWS_PROFILE", "nosuch")],
            &["AWS profile nosuch", "not defined"],
        ),
        (&[("AWS_PROFILE", "nosuch")], &["AWS profile nosuch"]),
        (&[(file, &half)], &["AWS profile default", "aws_secret_access_key"]),
        (&[(file, &empty)], &["no AWS profile default", empty.as_str()]),
        (&[(file, &other)], &["no AWS profile default", other.as_str()]),
        (&[(file, &nowhere)], &[nowhere.as_str(), "No such file"]),
        (&[(file, &broken)], &["AWS profile default", broken.as_str()]),
        (&[("AWS_CONFIG_FILE", &loose)], &["AWS profile default", "base"]),
        (&[("AWS_CONFIG_FILE", &sso)], &["AWS profile default", "sso"]),
        (
            &[("AWS_CONFIG_FILE", &process), ("PATH", "/nowhere")],
            &["credential_process", "no sh"],
        ),
        (&[("AWS_ACCESS_KEY_ID", "AKIATEST")], &["AWS_SECRET_ACCESS_KEY is not"]),
        (&[("AWS_SECRET_ACCESS_KEY", "secret")], &["AWS_ACCESS_KEY_ID is not"]),
        (&[("AWS_ROLE_ARN", ROLE)], &["AWS_WEB_IDENTITY_TOKEN_FILE is not"]),
        (&[("AWS_WEB_IDENTITY_TOKEN_FILE", &nowhere)], &["AWS_ROLE_ARN is not"]),
        (
            &[("AWS_WEB_IDENTITY_TOKEN_FILE", &nowhere), ("AWS_ROLE_ARN", ROLE)],
            &["token file", nowhere.as_str(), "No such file"],
        ),
        (
            &[
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/"),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &nowhere),
            ],
            &[
                "token file",
                nowhere.as_str(),
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                "No such file",
            ],
        ),
        (
            &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/")],
            &["EKS Pod Identity", "Connection refused"],
        ),
        (
            &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.invalid/")],
            &["EKS Pod Identity", "example.invalid"],
        ),
    ] {
        let said = check(variables).await;
        assert!(
            said.contains("the operator has no AWS credentials: "),
            "{variables:?}: {said}"
        );
        for part in says {
            assert!(said.contains(part), "{part} of {variables:?}: {said}");
        }
        assert!(said.chars().count() < 800, "{said}");
        assert!(!said.contains("= secret"), "{said}");
    }
}

/// A helper in a volume, where there is a shell.
#[tokio::test]
async fn credentials_come_from_a_helper_where_there_is_a_shell() {
    let simulator = Server::start(Config::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let issued = r#"{"Version": 1, "AccessKeyId": "AKIATEST", "SecretAccessKey": "secret"}"#;
    let issued = write(&folder, "issued", issued);
    let config = write(
        &folder,
        "config",
        &format!("[default]\ncredential_process = cat {issued}\n"),
    );
    let path = std::env::var("PATH").unwrap();
    let variables = [
        ("AWS_CONFIG_FILE", config.as_str()),
        ("AWS_ENDPOINT_URL_IOT", &simulator.endpoint()),
        ("PATH", &path),
    ];
    let said = check(&variables).await;
    assert!(said.contains("ok: AWS IoT in eu-central-1 answers"), "{said}");
}

/// The token of the pod goes to the agent on the node, and to no proxy; calls of AWS go to the proxy.
#[tokio::test]
async fn no_proxy_gets_to_see_the_token_of_the_pod() {
    let issued = r#"{"AccessKeyId": "AKIATEST", "SecretAccessKey": "secret", "Token": "token",
        "Expiration": "2099-01-01T00:00:00Z"}"#;
    let (agent, agents) = Recorder::start(200, issued).await;
    let (proxy, relay) = Recorder::start(502, "").await;
    let proxies = [
        ("HTTP_PROXY", proxy.as_str()),
        ("HTTPS_PROXY", &proxy),
        ("ALL_PROXY", &proxy),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token-of-the-pod"),
        ("AWS_ENDPOINT_URL_IOT", "http://iot.example.invalid"),
    ];
    let by_agent = [&proxies[..], &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.as_str())]].concat();
    check(&by_agent).await;
    let asked = agents.asked();
    assert!(
        asked.iter().any(|asked| asked.contains("token-of-the-pod")),
        "{asked:?}"
    );
    let seen = relay.asked();
    assert!(!seen.is_empty(), "the service is asked by the proxy");
    assert!(
        seen.iter().all(|asked| asked.contains("iot.example.invalid")),
        "{seen:?}"
    );
    assert!(!seen.iter().any(|asked| asked.contains("token-of-the-pod")), "{seen:?}");
    // The addresses of EKS, ECS and EC2: nobody answers there, and the proxy hears nothing of it.
    for address in [
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/v1/credentials",
    ] {
        let by_node = [&proxies[..], &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", address)]].concat();
        check(&by_node).await;
    }
    check(
        &[
            &proxies[..],
            &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials")],
        ]
        .concat(),
    )
    .await;
    check(&[&proxies[..], &[("AWS_EC2_METADATA_DISABLED", "false")]].concat()).await;
    let seen = relay.asked();
    assert!(
        seen.iter().all(|asked| asked.contains("iot.example.invalid")),
        "{seen:?}"
    );
}

/// The bundle of the profile counts like the variable's.
#[tokio::test]
async fn a_bundle_that_cannot_be_read_is_named_wherever_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(&folder, "config", "[default]\nca_bundle = /nowhere/profile.pem\n");
    for (variables, file) in [
        (
            &[("AWS_CA_BUNDLE", "/nowhere/variable.pem")][..],
            "/nowhere/variable.pem",
        ),
        (&[("AWS_CONFIG_FILE", config.as_str())], "/nowhere/profile.pem"),
        (
            &[
                ("AWS_CONFIG_FILE", config.as_str()),
                ("AWS_CA_BUNDLE", "/nowhere/variable.pem"),
            ],
            "/nowhere/variable.pem",
        ),
    ] {
        let said = check(variables).await;
        assert!(
            said.contains(&format!("AWS_CA_BUNDLE: {file}: No such file")),
            "{variables:?}: {said}"
        );
    }
}

/// Behind TLS the proxy is asked for the way only.
#[tokio::test]
async fn aws_is_asked_by_the_proxy_of_its_scheme_unless_it_is_excepted() {
    let (proxy, relay) = Recorder::start(502, "").await;
    let variables = [
        ("HTTPS_PROXY", proxy.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIATEST"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL_IOT", "https://iot.example.invalid"),
    ];
    check(&variables).await;
    let seen = relay.asked();
    assert!(!seen.is_empty(), "the service is asked by the proxy");
    assert!(
        seen.iter()
            .all(|asked| asked.starts_with("CONNECT iot.example.invalid:443 ")),
        "{seen:?}"
    );
    assert!(!seen.iter().any(|asked| asked.contains("AKIATEST")), "{seen:?}");
    let said = check(&[&variables[..], &[("NO_PROXY", ".example.invalid")]].concat()).await;
    assert!(said.contains("failed to lookup address"), "{said}");
    assert_eq!(relay.asked(), seen);
}
