//! What the crate promises, checked against published vectors, an independent implementation and brute force.

#[cfg(test)]
mod brute;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tiles;
#[cfg(test)]
mod vectors;
