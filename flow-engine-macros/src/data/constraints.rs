//! `#[check(…)]` on fields, and the check of a whole `#[data]` type.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Attribute, Data, DeriveInput, Field, Fields, Member, Meta, Path, parse_quote};

use super::json_names::Naming;
use crate::arguments;
use crate::constraints::{Constraints, NAMES};
use crate::mistakes::Mistakes;
use crate::names::plain;

/// Takes the constraints off the fields, and gives the code that checks them.
pub(super) fn take(
    item: &mut DeriveInput,
    flow_engine: &Path,
    mistakes: &mut Mistakes,
) -> TokenStream {
    misplaced(&mut item.attrs, mistakes);
    let naming = Naming::read(&item.attrs);
    let mut variants = Vec::new();
    match &mut item.data {
        Data::Struct(data) => {
            variants.push(Variant::read(
                None,
                &naming,
                &mut data.fields,
                flow_engine,
                mistakes,
            ));
        }
        Data::Enum(data) => {
            for variant in &mut data.variants {
                misplaced(&mut variant.attrs, mistakes);
                let name = Some((&variant.ident, conditions(&variant.attrs)));
                let naming = naming.of_variant(&variant.attrs);
                let fields = &mut variant.fields;
                variants.push(Variant::read(name, &naming, fields, flow_engine, mistakes));
            }
        }
        Data::Union(_) => {}
    }
    let name = &item.ident;
    let (generics, arguments, bounds) = item.generics.split_for_impl();
    let rules: Vec<_> = variants.iter().flat_map(|variant| &variant.rules).collect();
    let rules = (!rules.is_empty()).then(|| {
        quote! {
            #[automatically_derived]
            #[allow(non_snake_case)]
            impl #generics #name #arguments #bounds { #(#rules)* }
        }
    });
    let arms = variants.iter().map(|variant| &variant.arm);
    quote! {
        #rules

        #[automatically_derived]
        #[allow(unused_imports, unused_variables, deprecated)]
        impl #generics #flow_engine::__private::Constrained for #name #arguments #bounds {
            const ANY: bool = true;

            fn check(&self, found: &mut #flow_engine::__private::Violations) {
                use #flow_engine::__private::Fallback as _;
                match *self { #(#arms)* }
            }
        }
    }
}

/// The fields of a struct, or of one variant of an enum.
struct Variant {
    /// A fn for each field with constraints.
    rules: Vec<TokenStream>,
    arm: TokenStream,
}

impl Variant {
    fn read(
        name: Option<(&Ident, Vec<Attribute>)>,
        naming: &Naming,
        fields: &mut Fields,
        flow_engine: &Path,
        mistakes: &mut Mistakes,
    ) -> Self {
        let (path, conditions, prefix) = match name {
            Some((name, conditions)) => {
                (quote!(Self::#name), conditions, format!("{}_", plain(name)))
            }
            None => (quote!(Self), Vec::new(), String::new()),
        };
        let is_transparent = matches!(fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1);
        let (mut rules, mut bindings, mut checks) = (Vec::new(), Vec::new(), Vec::new());
        for (index, field) in fields.iter_mut().enumerate() {
            let part = Part::read(index, field, naming, mistakes);
            let rules_fn = part.rules_fn(&prefix, flow_engine);
            if let Some((name, code)) = &rules_fn {
                rules.push(code.clone());
                field.attrs.push(parse_quote! {
                    #[schemars(transform = #flow_engine::__private::limits(Self::#name))]
                });
            }
            let rules_name = rules_fn.map(|(name, _)| name);
            bindings.push(part.binding());
            checks.push(part.check(rules_name.as_ref(), is_transparent, flow_engine));
        }
        let arm = quote! { #(#conditions)* #path { #(#bindings)* .. } => { #(#checks)* } };
        Self { rules, arm }
    }
}

/// A field.
struct Part {
    member: Member,
    /// None where the JSON has the field's value in the place of the whole.
    json_name: Option<String>,
    index: usize,
    ty: syn::Type,
    constraints: Constraints,
    conditions: Vec<Attribute>,
}

impl Part {
    fn read(index: usize, field: &mut Field, naming: &Naming, mistakes: &mut Mistakes) -> Self {
        let member = match &field.ident {
            Some(name) => Member::Named(name.clone()),
            None => Member::from(index),
        };
        let own = Naming::read(&field.attrs);
        let json_name = field
            .ident
            .as_ref()
            .map(|name| naming.field(&plain(name), &own));
        Self {
            member,
            json_name: json_name.filter(|_| !own.flatten && !naming.transparent),
            index,
            ty: field.ty.clone(),
            constraints: constraints(&mut field.attrs, mistakes),
            conditions: conditions(&field.attrs),
        }
    }

    fn local(&self) -> Ident {
        format_ident!("field_{}", self.index)
    }

    fn binding(&self) -> TokenStream {
        let (conditions, member, local) = (&self.conditions, &self.member, self.local());
        quote!(#(#conditions)* #member: ref #local,)
    }

    /// The fn that applies the field's constraints, and its name. The schema's derive names it, too.
    fn rules_fn(&self, prefix: &str, flow_engine: &Path) -> Option<(Ident, TokenStream)> {
        if self.constraints.is_empty() {
            return None;
        }
        let name = match &self.member {
            Member::Named(name) => format_ident!("__rules_{prefix}{}", plain(name)),
            Member::Unnamed(index) => format_ident!("__rules_{prefix}{}", index.index),
        };
        let (conditions, ty) = (&self.conditions, &self.ty);
        let rules = self.constraints.rules(flow_engine, ty);
        let code = quote! {
            #(#conditions)*
            #[doc(hidden)]
            fn #name(rules: &mut #flow_engine::__private::Rules<'_, #ty>) {
                let apply: fn(&mut #flow_engine::__private::Rules<'_, #ty>) = #rules;
                apply(rules);
            }
        };
        Some((name, code))
    }

    fn check(
        &self,
        rules: Option<&Ident>,
        is_transparent: bool,
        flow_engine: &Path,
    ) -> TokenStream {
        let (conditions, ty, local) = (&self.conditions, &self.ty, self.local());
        let rules = rules.map(
            |rules| quote!(Self::#rules(&mut #flow_engine::__private::Rules::Check(value, found));),
        );
        let look = quote! {
            #rules
            (<#flow_engine::__private::Probe<#ty>>::CHECK)(value, found);
        };
        match (&self.json_name, &self.member) {
            (Some(name), _) => {
                quote!(#(#conditions)* found.field(#name, #local, |value: &#ty, found| { #look });)
            }
            (None, Member::Unnamed(_)) if !is_transparent => {
                let index = self.index;
                quote!(#(#conditions)* found.item(#index, #local, |value: &#ty, found| { #look });)
            }
            (None, _) => quote! {
                #(#conditions)* { let value: &#ty = #local; #look };
            },
        }
    }
}

/// The constraints among a field's attributes, which are taken off.
fn constraints(attributes: &mut Vec<Attribute>, mistakes: &mut Mistakes) -> Constraints {
    let mut constraints = Constraints::default();
    let inputs = attributes.extract_if(.., |attribute| attribute.path().is_ident("input"));
    for attribute in inputs {
        let message = "`#[input(…)]` goes on a parameter; on a field it is `#[check(…)]`";
        mistakes.add(attribute.path(), message);
    }
    for attribute in taken(attributes) {
        let Meta::List(list) = &attribute.meta else {
            mistakes.add(&attribute, "write `#[check(…)]`, with one or more of `length(…)`, `range(…)`, `pattern = …`, `custom = …`");
            continue;
        };
        for argument in arguments::read(list.tokens.clone(), &NAMES, mistakes) {
            constraints.add(argument, mistakes);
        }
    }
    constraints
}

/// Takes the `#[check(…)]` off.
fn taken(attributes: &mut Vec<Attribute>) -> Vec<Attribute> {
    attributes
        .extract_if(.., |attribute| attribute.path().is_ident("check"))
        .collect()
}

fn misplaced(attributes: &mut Vec<Attribute>, mistakes: &mut Mistakes) {
    for attribute in taken(attributes) {
        mistakes.add(attribute.path(), "`#[check(…)]` goes on a field");
    }
}

/// The `#[cfg(…)]` of what may not be there.
fn conditions(attributes: &[Attribute]) -> Vec<Attribute> {
    let is_condition = |attribute: &&Attribute| attribute.path().is_ident("cfg");
    attributes.iter().filter(is_condition).cloned().collect()
}
