//! Avro in, from outside: our decoder against apache-avro's generic reader over random schemas and bytes, a table of hostile
//! input, container files as another library writes them.

mod containers;
mod differential;
mod hostile;
mod model;
mod random;
mod twin;
