//! The names of audit checks, as a help for people: never a gate, since the service's list grows.

/// The right name of a check where one page of the AWS developer guide has a wrong one, which people copy.
pub fn misspelled(check: &str) -> Option<&'static str> {
    match check {
        "CA_CERT_APPROACHING_EXPIRATION_CHECK" => Some("CA_CERTIFICATE_EXPIRING_CHECK"),
        "DEVICE_CERT_APPROACHING_EXPIRATION_CHECK" => Some("DEVICE_CERTIFICATE_EXPIRING_CHECK"),
        "REVOKED_CA_CERT_CHECK" => Some("REVOKED_CA_CERTIFICATE_STILL_ACTIVE_CHECK"),
        "REVOKED_DEVICE_CERT_CHECK" => Some("REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checks that AWS documented when this version was made.
    const KNOWN: [&str; 17] = [
        "AUTHENTICATED_COGNITO_ROLE_OVERLY_PERMISSIVE_CHECK",
        "CA_CERTIFICATE_EXPIRING_CHECK",
        "CA_CERTIFICATE_KEY_QUALITY_CHECK",
        "CONFLICTING_CLIENT_IDS_CHECK",
        "DEVICE_CERTIFICATE_AGE_CHECK",
        "DEVICE_CERTIFICATE_EXPIRING_CHECK",
        "DEVICE_CERTIFICATE_KEY_QUALITY_CHECK",
        "DEVICE_CERTIFICATE_SHARED_CHECK",
        "INTERMEDIATE_CA_REVOKED_FOR_ACTIVE_DEVICE_CERTIFICATES_CHECK",
        "IOT_POLICY_OVERLY_PERMISSIVE_CHECK",
        "IOT_POLICY_POTENTIAL_MISCONFIGURATION_CHECK",
        "IOT_ROLE_ALIAS_ALLOWS_ACCESS_TO_UNUSED_SERVICES_CHECK",
        "IOT_ROLE_ALIAS_OVERLY_PERMISSIVE_CHECK",
        "LOGGING_DISABLED_CHECK",
        "REVOKED_CA_CERTIFICATE_STILL_ACTIVE_CHECK",
        "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK",
        "UNAUTHENTICATED_COGNITO_ROLE_OVERLY_PERMISSIVE_CHECK",
    ];

    #[test]
    fn the_four_wrong_names_of_the_guide_are_corrected_to_known_ones() {
        let wrong = [
            ("REVOKED_CA_CERT_CHECK", "REVOKED_CA_CERTIFICATE_STILL_ACTIVE_CHECK"),
            ("CA_CERT_APPROACHING_EXPIRATION_CHECK", "CA_CERTIFICATE_EXPIRING_CHECK"),
            (
                "DEVICE_CERT_APPROACHING_EXPIRATION_CHECK",
                "DEVICE_CERTIFICATE_EXPIRING_CHECK",
            ),
            (
                "REVOKED_DEVICE_CERT_CHECK",
                "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK",
            ),
        ];
        for (wrong, right) in wrong {
            assert_eq!(misspelled(wrong), Some(right));
            assert!(KNOWN.contains(&right), "{right}");
        }
    }

    #[test]
    fn known_and_unknown_names_are_left_alone() {
        for check in KNOWN.into_iter().chain(["SOMETHING_NEW_CHECK", ""]) {
            assert_eq!(misspelled(check), None, "{check}");
        }
    }
}
