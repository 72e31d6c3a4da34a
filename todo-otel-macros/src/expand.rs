//! Plan and function to tokens. Infallible; the only place that writes code and the only one that branches on the shape
//! of a function. What the generated code calls is the runtime's; no decision is left to it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{FnArg, Pat, Path, ReturnType, Type, spanned::Spanned};

use crate::{
    body, docs,
    errors::Errors,
    function::{self, Function, Shape},
    macros::Said,
    plan::Plan,
    site,
    value::{self, Entry, Wrapper},
};

/// The function, measured; as it was written when something is wrong with the attributes.
pub fn function(mut function: Function, mut said: Said, owner: Option<&str>, errors: &mut Errors) -> TokenStream {
    let attrs = std::mem::take(&mut function.attrs);
    function.attrs = said.merge(attrs, crate::block::Place::Function, errors);
    if function.body.is_none() {
        let message = "a function without a body has nothing to measure; put the attribute on its implementations";
        errors.at(function.sig.fn_token.span, message);
    }
    if let Some(token) = function.sig.constness {
        let message =
            "a `const fn` cannot be measured, because it may run at compile time: remove `const` or the attribute";
        errors.at(token.span, message);
    }
    let plan = said.lower(&function, owner, errors);
    if errors.is_empty() {
        return write(plan, function);
    }
    if let Some(body) = &function.body {
        let (mentioned, inside) = (mention(&plan.merged), body.stream());
        function.body = Some(Group::new(Delimiter::Brace, quote!(#mentioned #inside)));
    }
    function.into_token_stream()
}

/// Stacked attributes are taken off before the compiler resolves them: resolve them here, or their import looks unused.
pub fn mention(paths: &[Path]) -> TokenStream {
    let span = Span::mixed_site();
    quote_spanned!(span=> #(#[allow(unused_imports, clippy::single_component_path_imports)] use #paths as _;)*)
}

/// The parts that the shapes put together.
struct Parts {
    rt: TokenStream,
    /// `let __returns = …;` with the return type, named or learnt from a `return` that never runs.
    returns: TokenStream,
    /// `return`s what never comes, so that an async block knows what it returns.
    pin: TokenStream,
    /// Statements in front of the body that capture and bind the arguments.
    arguments: TokenStream,
    /// Records attributes and labels.
    values: TokenStream,
    /// Patterns were taken apart inside.
    rebound: bool,
    body: TokenStream,
    body_span: Span,
    /// Looks at the value that leaves.
    exit: TokenStream,
    /// `-> R`, for closures.
    arrow: TokenStream,
    never: bool,
}

fn write(plan: Plan, mut function: Function) -> TokenStream {
    let span = Span::mixed_site();
    let rt = match plan.runtime.get() {
        Some(path) => quote_spanned!(span=> #path::__private),
        None => quote_spanned!(span=> ::todo_otel_runtime::__private),
    };
    let shape = function.shape();
    let never = function.never_returns();
    let body_span = function.body.as_ref().map_or(span, Group::span);
    let body = function.take_body();
    let original = function.sig.clone();
    let (arguments, rebound) = bind_arguments(&mut function, &body, &plan);
    let names_type = !hides_type(&function.sig.output);
    let at = span.located_at(match &function.sig.output {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => function.sig.ident.span(),
    });
    let pin = if never {
        TokenStream::new()
    } else {
        quote_spanned!(at=> if let #rt::Some(__ret) = __returns.never() { return __ret; })
    };
    let returns = match &function.sig.output {
        ReturnType::Type(_, ty) if names_type && !never => {
            let named = quote_spanned!(at=> ::<#ty>);
            quote_spanned!(span=> let __returns = #rt::returns #named();)
        }
        ReturnType::Default => quote_spanned!(span=> let __returns = #rt::returns::<()>();),
        ReturnType::Type(..) => quote_spanned!(span=> let __returns = #rt::returns(); #pin),
    };
    let arrow = match &function.sig.output {
        _ if never => quote_spanned!(span=> -> !),
        ReturnType::Type(_, ty) if names_type => quote_spanned!(span=> -> #ty),
        _ if names_type => quote_spanned!(span=> -> ()),
        _ => TokenStream::new(),
    };
    let in_place = body::in_place(&body);
    let plainly = never || !names_type || !may_be_boxed(&function.sig.output);
    let direct = plainly && in_place.is_none() && matches!(shape, Shape::Sync | Shape::Never);
    let parts = Parts {
        values: values(&plan, &rt),
        exit: exit(&plan, &rt, &function.sig.output, direct),
        rt,
        returns,
        pin,
        arguments,
        rebound,
        body,
        body_span,
        arrow,
        never,
    };
    let start = start(&plan, &parts.rt);
    let keeps_arguments_in_place = |function: &mut Function| function.sig = original.clone();

    let call = match (shape, in_place) {
        (Shape::Opaque, _) => {
            keeps_arguments_in_place(&mut function);
            guarded(&parts, start)
        }
        (Shape::Sync | Shape::Never, _)
            if function.tracks_caller() && (never || !body::may_leave(parts.body.clone())) =>
        {
            keeps_arguments_in_place(&mut function);
            if never { guarded(&parts, start) } else { left(&parts, start) }
        }
        (Shape::Sync | Shape::BoxFuture, Some(found)) => {
            keeps_arguments_in_place(&mut function);
            boxed_in_place(&parts, start, &found)
        }
        (Shape::Sync | Shape::Never, _) => called(&parts, start, plainly),
        (Shape::Async, _) => awaited(&parts, start),
        (Shape::Future, _) => built(&parts, start, &format_ident!("build")),
        (Shape::BoxFuture, _) => pinned(&parts.rt, &built(&parts, start, &format_ident!("build"))),
        (Shape::Stream, _) => built(&parts, start, &format_ident!("build_stream")),
        (Shape::BoxStream, _) => pinned(&parts.rt, &built(&parts, start, &format_ident!("build_stream"))),
    };
    let mentioned = mention(&plan.merged);
    let site = site::callsite(&plan, &parts.rt, function.sig.ident.span());
    let mut expanded = Group::new(Delimiter::Brace, quote!(#mentioned #site #call));
    expanded.set_span(parts.body_span);
    function.attrs.push(docs::line(&plan));
    function.body = Some(expanded);
    function.into_token_stream()
}

/// `rt::call(&__SITE, …, move || { … }, |__ret, __exit| …)`
fn called(parts: &Parts, start: Option<TokenStream>, plainly: bool) -> TokenStream {
    let Parts { rt, returns, exit, .. } = parts;
    let span = Span::mixed_site();
    let closure = closure(parts);
    match start {
        Some(start) => quote_spanned!(span=> #returns #rt::call_with(#start, __returns, #closure, #exit)),
        None if plainly => quote_spanned!(span=> #returns #rt::call(&__SITE, __returns, #closure, #exit)),
        None => {
            quote_spanned!(span=> use #rt::{ViaBoxFuture as _, ViaCall as _}; #returns __returns.__call(&__SITE, #closure, #exit))
        }
    }
}

/// `rt::run(&__SITE, …, async move { … }, |__ret, __exit| …).await`
fn awaited(parts: &Parts, start: Option<TokenStream>) -> TokenStream {
    let Parts { rt, returns, pin, arguments, values, exit, .. } = parts;
    let span = Span::mixed_site();
    let inside = inside(parts);
    let block = braced(quote_spanned!(span=> #arguments #pin #values #inside), parts.body_span);
    let (run, site) = with(start, "run");
    quote_spanned!(span=> #returns #rt::#run(#site, __returns, async move #block, #exit).await)
}

/// `rt::build(&__SITE, …, move || { … }, |__ret, __exit| …)`
fn built(parts: &Parts, start: Option<TokenStream>, how: &Ident) -> TokenStream {
    let Parts { rt, exit, .. } = parts;
    let span = Span::mixed_site();
    let closure = closure(parts);
    let (build, site) = with(start, &how.to_string());
    let exit = (how != "build_stream").then_some(quote_spanned!(span=> , #exit));
    quote_spanned!(span=> let __returns = #rt::returns(); #rt::#build(#site, __returns, #closure #exit))
}

fn pinned(rt: &TokenStream, future: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    // the last expression of `future` is the call; what is in front of it are statements
    quote_spanned!(span=> #rt::Box::pin({ #future }))
}

/// The async block is wrapped where it stands: no second box, and the statements in front of it stay in the function.
fn boxed_in_place(parts: &Parts, start: Option<TokenStream>, found: &body::InPlace) -> TokenStream {
    let Parts { rt, returns, values, exit, .. } = parts;
    let (building, site) = with(start, "building");
    let body::InPlace { before, callee, block } = found;
    let span = Span::mixed_site();
    let future = quote_spanned!(span=> #rt::gives(__returns.output(), #block));
    quote_spanned! {span=>
        #returns
        let __building = #rt::#building(#site); #values
        { #before #callee(#rt::run_built(__building, #future, #exit)) }
    }
}

/// The body stays where it was behind a guard: nothing looks at the value.
fn guarded(parts: &Parts, start: Option<TokenStream>) -> TokenStream {
    let Parts { rt, values, .. } = parts;
    let body = if body::begins_with_item(parts.body.clone()) {
        braced(parts.body.clone(), parts.body_span)
    } else {
        parts.body.clone()
    };
    let (enter, site) = with(start, "enter");
    quote_spanned!(Span::mixed_site()=> let __guard = #rt::#enter(#site); #values #body)
}

/// The same, and the value is looked at on the only way out.
fn left(parts: &Parts, start: Option<TokenStream>) -> TokenStream {
    let Parts { rt, returns, values, body, exit, .. } = parts;
    let span = Span::mixed_site();
    let (enter, site) = with(start, "enter");
    let body = braced(quote_spanned!(span=> #values let () = (); #body), parts.body_span);
    quote_spanned!(span=> #returns let __guard = #rt::#enter(#site); #rt::leave(__guard, #body, #exit))
}

fn closure(parts: &Parts) -> TokenStream {
    let Parts { arguments, values, arrow, .. } = parts;
    let span = Span::mixed_site();
    let inside = if arguments.is_empty() && values.is_empty() { parts.body.clone() } else { inside(parts) };
    let block = braced(quote_spanned!(span=> #arguments #values #inside), parts.body_span);
    quote_spanned!(span=> move || #arrow #block)
}

/// The body behind our statements. One that begins with items gets a block of its own, because items behind statements are
/// a lint. Behind rebound arguments it is a statement of its own, so that its temporaries go before they do.
fn inside(parts: &Parts) -> TokenStream {
    let span = Span::mixed_site();
    let body = &parts.body;
    if parts.rebound && !parts.never {
        let block = braced(quote_spanned!(span=> let () = (); #body), parts.body_span);
        return quote_spanned!(span=> let __ret = __returns.is(#block); __ret);
    }
    if body::begins_with_item(body.clone()) { braced(body.clone(), parts.body_span) } else { body.clone() }
}

/// With the user's own brace a body keeps the rules of the user's edition for its temporaries.
fn braced(tokens: TokenStream, span: Span) -> TokenStream {
    let mut group = Group::new(Delimiter::Brace, tokens);
    group.set_span(span);
    group.into_token_stream()
}

fn with(start: Option<TokenStream>, function: &str) -> (Ident, TokenStream) {
    let span = Span::mixed_site();
    match start {
        Some(start) => (format_ident!("{function}_with", span = span), start),
        None => (format_ident!("{function}", span = span), quote_spanned!(span=> &__SITE)),
    }
}

/// Captures whole arguments in the order in which they must go, and takes patterns apart inside. Says whether anything
/// was bound again.
fn bind_arguments(function: &mut Function, body: &TokenStream, plan: &Plan) -> (TokenStream, bool) {
    let span = Span::mixed_site();
    let mut used = body.clone();
    for entry in plan.attributes.iter().chain(&plan.labels) {
        entry.value.to_tokens(&mut used);
    }
    let quiet = |name: &str| {
        name.starts_with('_').then(
            || quote_spanned!(span=> #[allow(clippy::used_underscore_binding, clippy::no_effect_underscore_binding)]),
        )
    };
    let mut captured = Vec::new();
    let mut bound: Vec<TokenStream> = Vec::new();
    let mut assigned = false;
    for (position, argument) in function.sig.inputs.iter_mut().enumerate() {
        let argument = match argument {
            FnArg::Receiver(receiver) => {
                assigned |= receiver.mutability.is_some();
                if body::mentions(used.clone(), "self") {
                    let this = Ident::new("self", receiver.self_token.span);
                    captured.push(quote_spanned!(span=> let _ = &#this;));
                }
                continue;
            }
            FnArg::Typed(argument) => argument,
        };
        let cfgs: Vec<_> = argument.attrs.iter().filter(|a| a.path().is_ident("cfg")).cloned().collect();
        match &mut *argument.pat {
            Pat::Ident(plain) if plain.by_ref.is_none() && plain.subpat.is_none() => {
                let (name, text) = (&plain.ident, plain.ident.to_string());
                let quiet = quiet(&text);
                assigned |= plain.mutability.is_some();
                if !bound.is_empty() {
                    let mutability = plain.mutability.take();
                    bound.push(quote_spanned!(span=> #(#cfgs)* #quiet let #mutability #name = #name;));
                } else if text.starts_with('_') || body::mentions(used.clone(), text.trim_start_matches("r#")) {
                    captured.push(quote_spanned!(span=> #(#cfgs)* #quiet let _ = &#name;));
                }
            }
            pattern => {
                let name = format_ident!("__arg{position}", span = span);
                bound.push(quote_spanned!(span=> #(#cfgs)* let #name = #name; #(#cfgs)* let #pattern = #name;));
                let ident =
                    syn::PatIdent { attrs: Vec::new(), by_ref: None, mutability: None, ident: name, subpat: None };
                *argument.pat = Pat::Ident(ident);
            }
        }
    }
    if assigned {
        // a captured variable that is assigned and then only dropped looks unused
        function.attrs.push(syn::parse_quote_spanned!(span=> #[allow(unused_assignments)]));
    }
    captured.reverse();
    (quote!(#(#captured)* #(#bound)*), !bound.is_empty())
}

/// Attribute values in the order of their keys, then labels in the order of theirs.
fn values(plan: &Plan, rt: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    let mut tokens = TokenStream::new();
    if !plan.attributes.is_empty() {
        let puts = plan.attributes.iter().map(|entry| {
            let value = recorded(entry, rt);
            let at = span.located_at(entry.value.span());
            quote_spanned!(at=> __w.put(&#value);)
        });
        tokens.extend(quote_spanned!(span=> #rt::attributes(&__SITE, |__w| { #(#puts)* });));
    }
    if !plan.labels.is_empty() {
        let labels = plan.labels.iter().map(|entry| {
            let value = &entry.value;
            let at = span.located_at(value.span());
            quote_spanned!(at=> #rt::label(&(#value)))
        });
        tokens.extend(quote_spanned!(span=> #rt::labels(&__SITE, || [#(#labels),*]);));
    }
    tokens
}

/// The value in the form in which it is recorded, with spans that put a wrong type on the value itself.
fn recorded(entry: &Entry, rt: &TokenStream) -> TokenStream {
    let at = Span::mixed_site().located_at(entry.value.span());
    match value::wrapper(&entry.value) {
        Some(Wrapper::Plain(name, value)) => {
            let name = Ident::new(&name.to_string(), at);
            quote_spanned!(at=> #rt::#name(&(#value)))
        }
        Some(Wrapper::Truncate(longest, value)) => quote_spanned!(at=> #rt::truncate(#longest, &(#value))),
        None => {
            let value = &entry.value;
            quote_spanned!(at=> (#value))
        }
    }
}

/// What looks at the returned value: a function of the runtime's that its type chooses, when there is nothing more to say.
/// `direct`: the value that leaves the function is the one that is looked at.
fn exit(plan: &Plan, rt: &TokenStream, output: &ReturnType, direct: bool) -> TokenStream {
    let span = Span::mixed_site();
    let silent = plan.errors_are_values.get() == Some(&true) || !may_fail(output);
    if plan.expected.is_empty() && plan.outputs.is_empty() {
        return match (silent, direct) {
            (true, _) => quote_spanned!(span=> #rt::a_value),
            (_, true) => quote_spanned!(span=> { use #rt::Look as _; (&&&&&&&&__returns).look() }),
            _ => {
                quote_spanned!(span=> |__ret, __exit| { use #rt::Look as _; (&&&&&&&&#rt::returned(__ret)).look()(__ret, __exit); })
            }
        };
    }
    let outcome = (!silent)
        .then(|| quote_spanned!(span=> { use #rt::Look as _; (&&&&&&&&#rt::returned(__ret)).look()(__ret, __exit); }));
    let expected = (!plan.expected.is_empty()).then(|| {
        let patterns = &plan.expected;
        let at = span.located_at(patterns[0].span());
        quote_spanned!(at=> __exit.expected(|| match __ret { #rt::Err(#(#patterns)|*) => true, _ => false });)
    });
    let outputs = plan.outputs.iter().enumerate().map(|(index, entry)| {
        let value = &entry.value;
        let at = span.located_at(value.span());
        quote_spanned!(at=> __exit.output(#index, &#rt::apply(__value, #value));)
    });
    let outputs = (!plan.outputs.is_empty()).then(
        || quote_spanned!(span=> if __exit.recording() { use #rt::via::*; if let #rt::Some(__value) = (&&&#rt::Probe(__ret)).value() { #(#outputs)* } }),
    );
    quote_spanned!(span=> |__ret, __exit| { #outcome #expected #outputs })
}

/// Can this type be a `Result` under some name? Nothing but paths and macros can.
fn may_fail(output: &ReturnType) -> bool {
    const PRIMITIVES: [&str; 17] = [
        "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32",
        "f64", "str",
    ];
    let ReturnType::Type(_, ty) = output else { return false };
    match function::peel(ty) {
        Type::Path(path) => !path.path.get_ident().is_some_and(|name| PRIMITIVES.iter().any(|word| name == word)),
        Type::Tuple(_) | Type::Reference(_) | Type::Ptr(_) | Type::Array(_) | Type::Slice(_) | Type::Never(_) => false,
        _ => true,
    }
}

/// What must be known before the call starts.
fn start(plan: &Plan, rt: &TokenStream) -> Option<TokenStream> {
    if !plan.has_start() {
        return None;
    }
    let span = Span::mixed_site();
    let parent = plan.parent.get().map(|parent| quote_spanned!(span.located_at(parent.span())=> .parent(&(#parent))));
    let link = plan.link.get().map(|link| quote_spanned!(span.located_at(link.span())=> .link(&(#link))));
    let baggage = plan.baggage.iter().map(|entry| {
        let (key, value) = (&entry.key, &entry.value);
        quote_spanned!(span.located_at(value.span())=> .baggage(#key, &(#value)))
    });
    Some(quote_spanned!(span=> #rt::Start::new(&__SITE) #parent #link #(#baggage)*))
}

/// A type that a closure cannot repeat: it has an `impl` or a macro in it.
fn hides_type(output: &ReturnType) -> bool {
    fn hides(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(word) => word == "impl",
            proc_macro2::TokenTree::Punct(punct) => punct.as_char() == '!',
            proc_macro2::TokenTree::Group(group) => hides(group.stream()),
            proc_macro2::TokenTree::Literal(_) => false,
        })
    }
    hides(output.to_token_stream())
}

/// Could this type be another name for a boxed future?
fn may_be_boxed(output: &ReturnType) -> bool {
    const NEVER: [&str; 24] = [
        "Result", "Option", "String", "Vec", "Box", "Rc", "Arc", "Cow", "PathBuf", "HashMap", "BTreeMap", "bool",
        "char", "u8", "u16", "u32", "u64", "usize", "i32", "i64", "isize", "f32", "f64", "ExitCode",
    ];
    let ReturnType::Type(_, ty) = output else { return false };
    match function::peel(ty) {
        Type::Path(path) => path.path.segments.last().is_none_or(|last| !NEVER.iter().any(|name| last.ident == name)),
        Type::Macro(_) | Type::Verbatim(_) => true,
        _ => false,
    }
}
