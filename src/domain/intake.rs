//! What a careful clerk does with a sheet: finds the header, reads the cells, and accounts for every row.
//!
//! Invariant: accepted + quarantined + skipped-with-reason = read. A reported value is never corrected; what cannot be read is kept
//! as raw text with a reason and a hint.
