//! Who a provider is: the hosts under which the ledger knows those of the built-in table.

/// Hosts and other names, and what the table calls them.
const NAMES: [(&str, &str); 35] = [
    ("openai", "openai"),
    ("api.openai.com", "openai"),
    ("anthropic", "anthropic"),
    ("api.anthropic.com", "anthropic"),
    ("google", "google"),
    ("gemini", "google"),
    ("generativelanguage.googleapis.com", "google"),
    ("mistral", "mistral"),
    ("api.mistral.ai", "mistral"),
    ("deepseek", "deepseek"),
    ("api.deepseek.com", "deepseek"),
    ("x-ai", "x-ai"),
    ("xai", "x-ai"),
    ("api.x.ai", "x-ai"),
    ("groq", "groq"),
    ("api.groq.com", "groq"),
    ("cerebras", "cerebras"),
    ("api.cerebras.ai", "cerebras"),
    ("cohere", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.cohere.com", "cohere"),
    ("moonshotai", "moonshotai"),
    ("api.moonshot.ai", "moonshotai"),
    ("zai", "zai"),
    ("api.z.ai", "zai"),
    ("minimax", "minimax"),
    ("api.minimax.io", "minimax"),
    ("fireworks", "fireworks"),
    ("api.fireworks.ai", "fireworks"),
    ("together", "together"),
    ("api.together.xyz", "together"),
    ("api.together.ai", "together"),
    ("openrouter", "openrouter"),
    ("openrouter.ai", "openrouter"),
    ("api.openrouter.ai", "openrouter"),
];

/// What the built-in table calls a provider, if it has one of that name or host.
pub(super) fn known(provider: &str) -> Option<&'static str> {
    NAMES
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(provider))
        .map(|(_, known)| known)
}

/// What a table files a provider under.
pub(super) fn filed(provider: &str) -> String {
    known(provider).map_or_else(|| provider.to_lowercase(), str::to_owned)
}
