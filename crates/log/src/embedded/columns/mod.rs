//! How the entries of a frame are laid out: column by column, what is equal written once.
//!
//! Two dictionaries come first: *shapes* (kind, version and producer) and *subjects*. Then *classes*: the
//! bodies of one shape and length. A class has a template, a list of the bytes in which its members differ from it, and
//! only those bytes, plane by plane: a thousand scrapes of one metric differ in a float and the low bytes of two
//! timestamps, so copying the template and patching it is also the quickest way to decode them. Where most bytes differ
//! there is no template and bodies follow one another. Then the columns of the entries: class, gap to the position
//! before, stamp, and for events `at`, subject, cause and correlation. The ids stand beside the columns (see
//! [`frame`](super::frame)). A head is an entry of a shape of its own; its body is the encoded head.
//!
//! Decoding gives the very entries that were encoded, bodies byte for byte, or says what does not fit.

mod cursor;
mod decode;
mod encode;

pub(super) use decode::{Interner, decode};
pub(super) use encode::encode;

#[cfg(test)]
mod tests;

/// What single bytes say about a shape, and about the cause and correlation of an event.
mod flags {
    /// The shape is that of a head.
    pub(super) const HEAD: u8 = 0;
    /// The shape is that of an event.
    pub(super) const EVENT: u8 = 1;
    /// The id of the cause is among the explicit ids.
    pub(super) const CAUSE_EXPLICIT: u8 = 0b0001;
    /// The cause is an event of the same frame, so its position gives its id.
    pub(super) const CAUSE_HERE: u8 = 0b0010;
    /// The id of the correlation is among the explicit ids.
    pub(super) const CORRELATION_EXPLICIT: u8 = 0b0100;
    /// The correlation is the cause.
    pub(super) const CORRELATION_IS_CAUSE: u8 = 0b1000;
}

/// How the bodies of a class are stored.
mod bodies {
    /// One after the other.
    pub(super) const WHOLE: u8 = 0;
    /// A template, and the bytes in which members differ from it, plane by plane.
    pub(super) const PATCHED: u8 = 1;
}
