//! Any bytes as a policy.

use headroom_policy::{Policy, parse_files};

/// Bytes as a policy file, and as the body of `policy_applied`: they are refused, or they are a policy that comes back the same.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match parse_files(&[("fuzzed.yaml", text)]) {
        Ok(documents) => {
            for document in documents {
                let again = Policy::from_value(&document.value);
                assert_eq!(again, Ok(document.policy), "a policy reads back the same");
            }
        }
        Err(errors) => assert!(!errors.to_string().is_empty(), "an error says something"),
    }
    if let Ok(value) = serde_json::from_str(text) {
        drop(Policy::from_value(&value));
    }
}
