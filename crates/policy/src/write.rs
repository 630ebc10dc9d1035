//! Policies to YAML.

use crate::spec::Manifest;

/// Writes policies as a file that [`crate::parse_files`] reads as the same.
#[must_use]
pub fn to_yaml(manifests: &[&Manifest]) -> String {
    let options = serde_saphyr::ser_options! {
        compact_list_indent: false,
        prefer_block_scalars: false,
    };
    serde_saphyr::to_string_multiple_with_options(manifests, options)
        .expect("the fields of a policy are YAML, and a text takes all that is written")
}
