//! The description of a type's JSON form, by which prompts are checked.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Data, DataEnum, DeriveInput, Field, Fields, FieldsNamed, Path, Variant};

use super::serde_attributes::{OfField, OfType, of_field, of_type};
use crate::names::plain;

/// How a type is described.
enum Form {
    /// By a shape.
    Shape(TokenStream),
    /// As an object of fields.
    Record(Vec<TokenStream>),
}

/// The impls that describe the type; none if its form is not known here, which leaves it unchecked.
pub(super) fn of(item: &DeriveInput, flow_engine: &Path) -> Option<TokenStream> {
    if !item.generics.params.is_empty() {
        return None;
    }
    let ty = &item.ident;
    // In full, and with names that no type of the user's has: those stand in the same code.
    let shape = &quote!(#flow_engine::__private::shape);
    let (form, record) = match form(item, shape)? {
        Form::Shape(form) => (form, None),
        Form::Record(fields) => {
            let form = quote!(<__FlowEngineDepth::Of<#ty> as #shape::HasShape>::SHAPE);
            (form, Some(record(ty, &fields, shape)))
        }
    };
    Some(quote! {
        const _: () = {
            #[allow(unused_imports)]
            use #shape::Undescribed as _;
            impl<__FlowEngineDepth: #shape::Depth> #shape::Described<__FlowEngineDepth> for #ty {
                const SHAPE: #shape::Shape = #form;
            }
            #record
        };
    })
}

fn record(ty: &Ident, fields: &[TokenStream], shape: &TokenStream) -> TokenStream {
    let name = plain(ty);
    quote! {
        impl<__FlowEngineDepth: #shape::Depth> #shape::Record<__FlowEngineDepth> for #ty {
            const NAME: &'static ::core::primitive::str = #name;
            const FIELDS: &'static [#shape::Field] = &[#(#fields),*];
        }
    }
}

fn form(item: &DeriveInput, shape: &TokenStream) -> Option<Form> {
    let attributes = of_type(&item.attrs)?;
    let fields = match &item.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(data) => return of_enum(data, &attributes, shape),
        Data::Union(_) => return None,
    };
    let form = match fields {
        Fields::Named(fields) if !attributes.transparent => {
            return of_fields(fields, &attributes, shape).map(Form::Record);
        }
        _ if attributes.tag.is_some() => return None,
        Fields::Unit => quote!(#shape::Shape::Nothing),
        fields if attributes.transparent || fields.len() == 1 => only(fields, shape)?,
        _ => quote!(#shape::Shape::List(&#shape::Shape::Any)),
    };
    Some(Form::Shape(form))
}

/// An enum without data is the name of its variant.
fn of_enum(data: &DataEnum, attributes: &OfType, shape: &TokenStream) -> Option<Form> {
    let is_name = |variant: &Variant| {
        matches!(variant.fields, Fields::Unit) && !variant.attrs.iter().any(is_untagged)
    };
    let are_names = attributes.tag.is_none() && data.variants.iter().all(is_name);
    are_names.then(|| Form::Shape(quote!(#shape::Shape::Text)))
}

fn is_untagged(attribute: &syn::Attribute) -> bool {
    let says_so = |list: &syn::MetaList| list.tokens.to_string().contains("untagged");
    attribute.path().is_ident("serde") && attribute.meta.require_list().is_ok_and(says_so)
}

fn of_fields(
    fields: &FieldsNamed,
    attributes: &OfType,
    shape: &TokenStream,
) -> Option<Vec<TokenStream>> {
    let mut described = Vec::new();
    if let Some(tag) = &attributes.tag {
        described.push(described_field(
            Some(tag),
            &quote!(#shape::Shape::Text),
            shape,
        ));
    }
    for field in &fields.named {
        let own = plain(field.ident.as_ref()?);
        let OfField {
            rename,
            flatten,
            skipped,
            unknown,
        } = of_field(&field.attrs)?;
        if skipped {
            continue;
        }
        let form = if unknown {
            quote!(#shape::Shape::Any)
        } else {
            shape_of(field, shape)
        };
        let renamed = attributes.rename_all.map(|rule| rule.of_field(&own));
        let name = rename.or(renamed).unwrap_or(own);
        described.push(described_field((!flatten).then_some(&name), &form, shape));
    }
    Some(described)
}

fn described_field(name: Option<&String>, form: &TokenStream, shape: &TokenStream) -> TokenStream {
    let name = crate::expand::option(name);
    quote!(#shape::Field { name: #name, shape: #form })
}

/// The shape of a type that is in JSON what its only field is.
fn only(fields: &Fields, shape: &TokenStream) -> Option<TokenStream> {
    let mut found = None;
    for field in fields {
        let attributes = of_field(&field.attrs)?;
        if attributes.skipped {
            continue;
        }
        let is_plain = !attributes.unknown && !attributes.flatten;
        let form = is_plain.then(|| shape_of(field, shape))?;
        if found.replace(form).is_some() {
            return None;
        }
    }
    found
}

fn shape_of(field: &Field, shape: &TokenStream) -> TokenStream {
    let ty = &field.ty;
    quote!(#shape::ShapeOf::<#ty, __FlowEngineDepth>::SHAPE)
}
