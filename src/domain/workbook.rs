//! stub
#[derive(Clone, Debug)]
pub struct Template {
    pub name: String,
}
