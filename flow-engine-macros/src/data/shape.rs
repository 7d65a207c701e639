//! The description of a type's JSON form, by which prompts are checked.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Field, Fields, Path};

use super::serde_attributes::{OfField, of_field, of_type};
use crate::names::plain;

/// The impls that describe the type; none if its form is not known here, which leaves it unchecked.
pub(super) fn of(item: &DeriveInput, flow_engine: &Path) -> Option<TokenStream> {
    if !item.generics.params.is_empty() {
        return None;
    }
    let attributes = of_type(&item.attrs)?;
    let ty = &item.ident;
    let (shape, record) = match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if attributes.transparent => {
                let mut kept = Vec::new();
                for field in &fields.named {
                    if !of_field(&field.attrs)?.skipped {
                        kept.push(field);
                    }
                }
                let [only] = kept.as_slice() else { return None };
                (inner(only)?, None)
            }
            Fields::Named(fields) => {
                let mut described = Vec::new();
                if let Some(tag) = &attributes.tag {
                    described.push(quote!(shape::Field {
                        name: ::core::option::Option::Some(#tag),
                        shape: shape::Shape::Text,
                    }));
                }
                for field in &fields.named {
                    let name = plain(field.ident.as_ref()?);
                    let name = attributes
                        .rename_all
                        .map_or(name.clone(), |rule| rule.of_field(&name));
                    described.extend(field_of_record(field, name)?);
                }
                let shape = quote!(<D::Of<#ty> as shape::HasShape>::SHAPE);
                (shape, Some(described))
            }
            Fields::Unnamed(fields)
                if attributes.tag.is_some()
                    || (attributes.transparent && fields.unnamed.len() != 1) =>
            {
                return None;
            }
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                (inner(&fields.unnamed[0])?, None)
            }
            Fields::Unnamed(_) => (quote!(shape::Shape::List(&shape::Shape::Any)), None),
            Fields::Unit => (quote!(shape::Shape::Nothing), None),
        },
        Data::Enum(data) => {
            let plain = attributes.tag.is_none()
                && data.variants.iter().all(|variant| {
                    matches!(variant.fields, Fields::Unit)
                        && variant.attrs.iter().all(|attribute| {
                            attribute.path().is_ident("doc") || attribute.path().is_ident("serde")
                        })
                        && !says_untagged(variant)
                });
            if !plain || data.variants.is_empty() {
                return None;
            }
            (quote!(shape::Shape::Text), None)
        }
        Data::Union(_) => return None,
    };
    let record = record.map(|fields| {
        let name = plain(ty);
        quote! {
            impl<D: shape::Depth> shape::Record<D> for #ty {
                const NAME: &'static ::core::primitive::str = #name;
                const FIELDS: &'static [shape::Field] = &[#(#fields),*];
            }
        }
    });
    Some(quote! {
        const _: () = {
            #[allow(unused_imports)]
            use #flow_engine::__private::shape::{self, Undescribed as _};
            impl<D: shape::Depth> shape::Described<D> for #ty {
                const SHAPE: shape::Shape = #shape;
            }
            #record
        };
    })
}

fn says_untagged(variant: &syn::Variant) -> bool {
    variant.attrs.iter().any(|attribute| {
        let tokens = quote!(#attribute).to_string();
        attribute.path().is_ident("serde") && tokens.contains("untagged")
    })
}

/// The shape of a type that is in JSON what its only field is.
fn inner(field: &Field) -> Option<TokenStream> {
    let OfField {
        skipped,
        unknown,
        flatten,
        ..
    } = of_field(&field.attrs)?;
    if skipped || unknown || flatten {
        return None;
    }
    Some(shape_of(field))
}

fn shape_of(field: &Field) -> TokenStream {
    let ty = &field.ty;
    quote!(shape::ShapeOf::<#ty, D>::SHAPE)
}

/// The field as it is in JSON, if it is there; `None` outside if that is open.
fn field_of_record(field: &Field, name: String) -> Option<Option<TokenStream>> {
    let attributes = of_field(&field.attrs)?;
    if attributes.skipped {
        return Some(None);
    }
    let shape = if attributes.unknown {
        quote!(shape::Shape::Any)
    } else {
        shape_of(field)
    };
    let name = if attributes.flatten {
        quote!(::core::option::Option::None)
    } else {
        let name = attributes.rename.unwrap_or(name);
        quote!(::core::option::Option::Some(#name))
    };
    Some(Some(quote!(shape::Field { name: #name, shape: #shape })))
}
