//! The fields `Signature-Input` and `Signature` (RFC 9421 §4).

use std::borrow::Cow;
use std::collections::BTreeSet;

use sfv::visitor::{DictionaryVisitor, EntryVisitor};
use sfv::{Dictionary, FieldType, InnerList, KeyRef, ListEntry, Parser};

use super::base::base;
use super::{Component, InvalidComponent, Message, MissingComponent, Parameters, SignedFields};

/// What is read at most, be it good or bad.
pub mod bounds {
    /// Octets of a field that is parsed.
    pub const FIELD: usize = 8 * 1024;
    /// Signatures of a message.
    pub const SIGNATURES: usize = 8;
    /// Components that a signature covers.
    pub const COMPONENTS: usize = 64;
    /// Octets of a signature: as many as those of the longest RSA key have.
    pub const SIGNATURE: usize = 512;
}

/// Why a signature cannot be looked at. No text repeats a value of the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignature {
    /// A field is over the bound.
    #[error("`{0}` has more than {max} octets", max = bounds::FIELD)]
    TooLong(&'static str),
    /// A field is no dictionary, or has a label twice: of two signatures each reader could take
    /// another one for that of the label (§4.1).
    #[error("`{0}` is no dictionary, or has a label twice")]
    NoDictionary(&'static str),
    /// More signatures than the bound.
    #[error("more than {max} signatures", max = bounds::SIGNATURES)]
    TooMany,
    /// Only one of the two fields has the label (§3.2).
    #[error("`Signature-Input` and `Signature` do not have the same labels")]
    Unpaired,
    /// The member of `Signature-Input` is no list of components.
    #[error("`Signature-Input` has no list of components under the label")]
    NoComponents,
    /// More components than the bound.
    #[error("it covers more than {max} components", max = bounds::COMPONENTS)]
    TooManyComponents,
    /// A component that is not understood.
    #[error(transparent)]
    Component(#[from] InvalidComponent),
    /// A component is covered twice (§2.5).
    #[error("it covers a component twice")]
    Repeated,
    /// A parameter has another type.
    #[error("its parameter `{0}` is of another type")]
    Parameter(&'static str),
    /// The member of `Signature` is no octets.
    #[error("`Signature` has no signature under the label")]
    NoOctets,
}

/// The two fields of a message, taken apart as far as the labels.
#[derive(Clone, Debug)]
pub struct SignatureFields {
    input: Dictionary,
    signature: Dictionary,
}

impl SignatureFields {
    /// Takes the fields' values apart.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn parse(input: &str, signature: &str) -> Result<Self, InvalidSignature> {
        let fields = Self {
            input: dictionary("Signature-Input", input)?,
            signature: dictionary("Signature", signature)?,
        };
        if fields.input.len() > bounds::SIGNATURES || fields.signature.len() > bounds::SIGNATURES {
            return Err(InvalidSignature::TooMany);
        }
        let paired = fields.input.len() == fields.signature.len()
            && fields
                .input
                .keys()
                .all(|label| fields.signature.contains_key(label));
        if paired {
            Ok(fields)
        } else {
            Err(InvalidSignature::Unpaired)
        }
    }

    /// The labels in the order of `Signature-Input`.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.input.keys().map(|label| label.as_str())
    }

    /// The signature of a label; `None` where there is none.
    ///
    /// # Errors
    /// [`InvalidSignature`], which says nothing of the other signatures.
    pub fn signature(&self, label: &str) -> Option<Result<Signature, InvalidSignature>> {
        let input = self.input.get(label)?;
        let octets = self.signature.get(label)?;
        Some(Signature::of(input, octets))
    }

    /// The two fields without the signature of a label; `None` where nothing is left.
    pub fn without(&self, label: &str) -> Option<SignedFields> {
        let others = |members: &Dictionary| {
            let others = members.iter().filter(|(own, _)| own.as_str() != label);
            let others = others.map(|(own, member)| (own.clone(), member.clone()));
            others.collect::<Dictionary>().serialize()
        };
        Some(SignedFields {
            input: others(&self.input)?,
            signature: others(&self.signature)?,
        })
    }
}

fn dictionary(field: &'static str, value: &str) -> Result<Dictionary, InvalidSignature> {
    if value.len() > bounds::FIELD {
        return Err(InvalidSignature::TooLong(field));
    }
    let parsed = Parser::new(value).parse_dictionary_with_visitor(Distinct::default());
    parsed.map_err(|_| InvalidSignature::NoDictionary(field))
}

/// Takes members in, as long as no two have one label.
#[derive(Default)]
struct Distinct(Dictionary);

/// Two members have one label.
#[derive(Debug, thiserror::Error)]
#[error("a label stands twice")]
struct RepeatedLabel;

impl<'de> DictionaryVisitor<'de> for Distinct {
    type Out = Dictionary;
    type Error = RepeatedLabel;

    fn entry(&mut self, label: &'de KeyRef) -> Result<impl EntryVisitor<'de>, RepeatedLabel> {
        if self.0.contains_key(label) {
            return Err(RepeatedLabel);
        }
        DictionaryVisitor::entry(&mut self.0, label).map_err(|never| match never {})
    }

    fn finish(self) -> Result<Dictionary, RepeatedLabel> {
        Ok(self.0)
    }
}

/// A signature that nobody has verified yet.
#[derive(Clone, Debug)]
pub struct Signature {
    /// What it covers, with each identifier as it is signed.
    covered: Vec<(Component, String)>,
    /// Its parameters.
    pub parameters: Parameters,
    /// The list of components with all parameters, as it is signed.
    text: String,
    /// The signature's octets.
    pub octets: Vec<u8>,
}

impl Signature {
    fn of(input: &ListEntry, octets: &ListEntry) -> Result<Self, InvalidSignature> {
        let (ListEntry::InnerList(list), ListEntry::Item(item)) = (input, octets) else {
            return Err(match input {
                ListEntry::InnerList(_) => InvalidSignature::NoOctets,
                ListEntry::Item(_) => InvalidSignature::NoComponents,
            });
        };
        let octets = item.bare_item.as_byte_sequence();
        let octets = octets.filter(|octets| octets.len() <= bounds::SIGNATURE);
        Ok(Self {
            covered: covered(list)?,
            parameters: Parameters::of(&list.params)?,
            text: vec![input.clone()].serialize().unwrap_or_default(),
            octets: octets.ok_or(InvalidSignature::NoOctets)?.to_owned(),
        })
    }

    /// What it covers.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        self.covered.iter().map(|(component, _)| component)
    }

    /// What was signed, if the signature holds over this message.
    ///
    /// # Errors
    /// [`MissingComponent`].
    pub fn base(&self, message: &(impl Message + ?Sized)) -> Result<String, MissingComponent> {
        let covered = self.covered.iter();
        let covered = covered.map(|(component, text)| (component, Cow::Borrowed(text.as_str())));
        base(covered, &self.text, message)
    }
}

fn covered(list: &InnerList) -> Result<Vec<(Component, String)>, InvalidSignature> {
    if list.items.len() > bounds::COMPONENTS {
        return Err(InvalidSignature::TooManyComponents);
    }
    let covered = list
        .items
        .iter()
        .map(|item| Ok((Component::of(item)?, item.serialize())));
    let covered: Vec<(Component, String)> = covered.collect::<Result<_, InvalidComponent>>()?;
    let distinct: BTreeSet<&Component> = covered.iter().map(|(component, _)| component).collect();
    if distinct.len() < covered.len() {
        return Err(InvalidSignature::Repeated);
    }
    Ok(covered)
}
