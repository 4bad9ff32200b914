//! Why a source has no credentials: the file, the profile, the role, and what STS said.

use std::error::Error;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;

use super::chain::Source;
use crate::aws::text::{cut_to, stable};
use crate::causes::{explain, sources};

/// The longest reason: what a person reads of a call has its place for it, and room for what to do.
const MAX_REASON: usize = 400;

/// Why this source, which was asked and failed, has no credentials. `None` where it isn't set up: most sources aren't.
pub(super) fn of(source: Source, error: &CredentialsError) -> Option<String> {
    let is_set_up = !matches!(error, CredentialsError::CredentialsNotLoaded(_));
    let reason = match source {
        Source::Environment => half_set("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
            .or_else(|| is_set_up.then(|| format!("the keys in the environment can't be used: {}", details(error)))),
        Source::Profile if is_set_up => Some(in_profile(error)),
        Source::Profile => missing_profile(error),
        Source::WebIdentity if is_set_up => Some(web_identity(error)),
        Source::WebIdentity => half_set("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
        Source::Container => is_set_up.then(|| container(error)),
        Source::Instance => is_set_up.then(|| format!("the instance metadata: {}", details(error))),
    };
    reason.map(|reason| cut_to(&stable(&reason), MAX_REASON))
}

/// What to read where no source is set up.
pub(super) fn nothing_set_up() -> String {
    let metadata = match variable("AWS_EC2_METADATA_DISABLED") {
        Some(value) if value.eq_ignore_ascii_case("true") => "is turned off (AWS_EC2_METADATA_DISABLED)",
        _ => "has no role, or can't be reached",
    };
    format!(
        "there are no keys in the environment, no AWS profile with credentials, no web identity token (IRSA), no container \
         credentials (EKS Pod Identity), and the instance metadata {metadata}"
    )
}

fn web_identity(error: &CredentialsError) -> String {
    let role = variable("AWS_ROLE_ARN").unwrap_or_default();
    let file = variable("AWS_WEB_IDENTITY_TOKEN_FILE").unwrap_or_default();
    match io_error(error) {
        Some(cause) => format!("the token file {file} (AWS_WEB_IDENTITY_TOKEN_FILE) can't be read: {cause}"),
        None => format!(
            "the role {role} can't be assumed with the token in {file}: {}",
            details(error)
        ),
    }
}

fn container(error: &CredentialsError) -> String {
    let file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    match (io_error(error), file) {
        (Some(cause), Some(file)) if is_outermost_io(error) => {
            format!("the token file {file} (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) can't be read: {cause}")
        }
        _ => format!("the container credentials (EKS Pod Identity): {}", details(error)),
    }
}

fn in_profile(error: &CredentialsError) -> String {
    format!(
        "the AWS profile {} in {}: {}",
        profile(),
        profile_files(),
        details(error)
    )
}

/// What was asked for by name and isn't there.
fn missing_profile(error: &CredentialsError) -> Option<String> {
    let named = PROFILE_FILES
        .into_iter()
        .filter_map(|name| variable(name).map(|file| (name, file)));
    let mut unreadable = named.filter_map(|(name, file)| {
        let error = std::fs::File::open(&file).err()?;
        Some(format!("{file} ({name}) can't be read: {error}"))
    });
    if let Some(unreadable) = unreadable.next() {
        return Some(unreadable);
    }
    // Of a profile that was asked for, and of one that it refers to, the SDK knows more.
    if Error::source(error).is_some() {
        return Some(in_profile(error));
    }
    let is_asked_for = ["AWS_PROFILE"]
        .into_iter()
        .chain(PROFILE_FILES)
        .any(|name| variable(name).is_some());
    is_asked_for.then(|| {
        format!(
            "there is no AWS profile {} with credentials in {}",
            profile(),
            profile_files()
        )
    })
}

const PROFILE_FILES: [&str; 2] = ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"];

/// Where the profiles are, as far as variables say it.
fn profile_files() -> String {
    let files: Vec<String> = PROFILE_FILES.into_iter().filter_map(variable).collect();
    if files.is_empty() {
        "~/.aws".to_owned()
    } else {
        files.join(", ")
    }
}

fn profile() -> String {
    variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned())
}

/// Two variables that only make sense together.
fn half_set(one: &str, other: &str) -> Option<String> {
    match (variable(one), variable(other)) {
        (Some(_), None) => Some(format!("{one} is set, and {other} is not")),
        (None, Some(_)) => Some(format!("{other} is set, and {one} is not")),
        _ => None,
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// What STS answered, or what the innermost errors say.
fn details(error: &CredentialsError) -> String {
    let refused = sources(error).find_map(|source| {
        let assumed = source.downcast_ref::<AssumeRoleError>();
        let by_token = source.downcast_ref::<AssumeRoleWithWebIdentityError>();
        assumed
            .map(|error| sts("AssumeRole", error))
            .or_else(|| by_token.map(|error| sts("AssumeRoleWithWebIdentity", error)))
            .flatten()
    });
    refused.unwrap_or_else(|| {
        // What the SDK calls the kind of failure says nothing of the failure.
        let inner = sources(error).find(|source| !source.is::<CredentialsError>());
        let text = inner.map_or_else(|| explain(error), explain);
        if text.contains("external process") && text.contains("No such file") {
            "credential_process is run by a shell, and there is no sh in the PATH: this image has none. Let a sidecar serve \
             the credentials, or bring a shell in a volume"
                .to_owned()
        } else {
            text
        }
    })
}

fn sts(operation: &str, error: &impl ProvideErrorMetadata) -> Option<String> {
    let code = error.code()?;
    let message = error.message().unwrap_or("it gave no reason");
    Some(format!("STS refused {operation} with {code}: {message}"))
}

fn io_error(error: &CredentialsError) -> Option<&io::Error> {
    sources(error).find_map(|source| source.downcast_ref::<io::Error>())
}

/// Whether it is a file that failed, and not a connection somewhere inside.
fn is_outermost_io(error: &CredentialsError) -> bool {
    Error::source(error).is_some_and(<dyn Error>::is::<io::Error>)
}
