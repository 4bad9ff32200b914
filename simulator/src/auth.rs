//! Who calls: the access key and the region, read from the signature's credential scope.
//!
//! The signature itself isn't verified: the simulator knows no secrets.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::answer::ServiceError;

/// The parts of a credential that matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The access key's id.
    pub access_key: String,
    /// The region that the request is signed for.
    pub region: String,
}

fn signature(message: impl Into<String>) -> ServiceError {
    ServiceError::new(403, "InvalidSignatureException", message)
}

/// Reads `Authorization` and `X-Amz-Date`.
pub(crate) fn credential(
    authorization: Option<&str>,
    date: Option<&str>,
    wall: Timestamp,
    max_age: Option<Duration>,
) -> Result<Credential, ServiceError> {
    let Some(authorization) = authorization else {
        return Err(ServiceError::new(
            403,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ));
    };
    let incomplete = |what: &str| {
        ServiceError::new(
            403,
            "IncompleteSignatureException",
            format!("Authorization header requires '{what}'."),
        )
    };
    let fields = authorization
        .strip_prefix("AWS4-HMAC-SHA256")
        .ok_or_else(|| incomplete("AWS4-HMAC-SHA256"))?;
    let field = |name: &str| {
        let found = fields
            .split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        found.filter(|text| !text.is_empty()).ok_or_else(|| incomplete(name))
    };
    let (scope, _, _) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let parts: Vec<&str> = scope.split('/').collect();
    let [access_key, day, region, service, "aws4_request"] = parts.as_slice() else {
        return Err(incomplete("Credential"));
    };
    if *service != "iot" {
        return Err(signature(format!(
            "Credential should be scoped to correct service: 'iot', not '{service}'."
        )));
    }
    check_date(date.ok_or_else(|| incomplete("X-Amz-Date"))?, day, wall, max_age)?;
    Ok(Credential {
        access_key: (*access_key).to_owned(),
        region: (*region).to_owned(),
    })
}

/// When a request was signed, where `X-Amz-Date` says it.
pub(crate) fn signed(date: &str) -> Option<Timestamp> {
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn check_date(date: &str, day: &str, wall: Timestamp, max_age: Option<Duration>) -> Result<(), ServiceError> {
    let signed =
        signed(date).ok_or_else(|| signature(format!("Date must be in ISO-8601 'basic format'. Got '{date}'.")))?;
    if !date.starts_with(day) {
        return Err(signature(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601: {date}"
        )));
    }
    let Some(max_age) = max_age.and_then(|age| SignedDuration::try_from(age).ok()) else {
        return Ok(());
    };
    if wall.duration_since(signed).abs() > max_age {
        return Err(signature(format!(
            "Signature expired or not yet current: {date}, server time {wall}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Option<Duration> = Some(Duration::from_mins(5));

    fn header(scope: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature=00")
    }

    fn code(authorization: Option<&str>, date: &str) -> Result<Credential, String> {
        let wall = "2026-03-01T12:00:00Z".parse().unwrap();
        credential(authorization, Some(date), wall, AGE).map_err(|error| error.code)
    }

    #[test]
    fn reads_the_scope() {
        let good = header("AKIA/20260301/eu-west-1/iot/aws4_request");
        let found = code(Some(&good), "20260301T115500Z").unwrap();
        assert_eq!(
            (found.access_key.as_str(), found.region.as_str()),
            ("AKIA", "eu-west-1")
        );
    }

    #[test]
    fn refuses_what_the_service_refuses() {
        let good = header("AKIA/20260301/eu-west-1/iot/aws4_request");
        let now = "20260301T120000Z";
        assert_eq!(code(None, now).unwrap_err(), "MissingAuthenticationTokenException");
        assert_eq!(code(Some("Basic x"), now).unwrap_err(), "IncompleteSignatureException");
        assert_eq!(
            code(Some(&header("AKIA/20260301/eu-west-1")), now).unwrap_err(),
            "IncompleteSignatureException"
        );
        for (scope, date) in [
            ("AKIA/20260301/eu-west-1/s3/aws4_request", now),
            ("AKIA/20260228/eu-west-1/iot/aws4_request", now),
            ("AKIA/20260301/eu-west-1/iot/aws4_request", "20260301T115459Z"),
            ("AKIA/20260301/eu-west-1/iot/aws4_request", "20260301T120501Z"),
        ] {
            assert_eq!(
                code(Some(&header(scope)), date).unwrap_err(),
                "InvalidSignatureException",
                "{scope} {date}"
            );
        }
        assert_eq!(code(Some(&good), "yesterday").unwrap_err(), "InvalidSignatureException");
        assert_eq!(signed(now), "2026-03-01T12:00:00Z".parse().ok());
    }
}
