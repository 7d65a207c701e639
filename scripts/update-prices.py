"""Makes the built-in price table of two downloaded wheels. Called by scripts/update-prices; needs the standard library only.

genai-prices keeps its data as Python code: constructor calls with literals. They are read as a syntax tree and never run.
"""

import ast
import datetime
import json
import pathlib
import re
import sys
import zipfile

# genai-prices' name of a provider, and LiteLLM's, with what that puts before its models.
PROVIDERS = {
    "openai": ("openai", ""),
    "anthropic": ("anthropic", ""),
    "google": ("gemini", "gemini/"),
    "mistral": ("mistral", "mistral/"),
    "deepseek": ("deepseek", "deepseek/"),
    "x-ai": ("xai", "xai/"),
    "groq": ("groq", "groq/"),
    "cerebras": ("cerebras", "cerebras/"),
    "cohere": ("cohere_chat", ""),
    "moonshotai": ("moonshot", "moonshot/"),
    "zai": ("zai", "zai/"),
    "minimax": ("minimax", "minimax/"),
    "fireworks": ("fireworks_ai", "fireworks_ai/"),
    "together": ("together_ai", "together_ai/"),
    "openrouter": ("openrouter", "openrouter/"),
}
# A gateway has a thousand models: of whom those are that people ask for through it.
OPENROUTER = ("openai/", "anthropic/", "google/gemini", "mistralai/", "deepseek/", "x-ai/", "meta-llama/llama-4", "qwen/qwen3",
              "moonshotai/", "z-ai/")

FIELDS = {
    "input_mtok": "input",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "output_mtok": "output",
    "input_image_mtok": "image_input",
    "cache_image_read_mtok": "cached_image_input",
    "output_image_mtok": "image_output",
}
# Prices of what is never asked for: longer cache times, hosted searches, audio in.
UNUSED = {"cache_write_1h_mtok", "web_searches_kcount", "storage_searches_kcount", "input_audio_mtok", "cache_audio_read_mtok"}
# Models that search by themselves, for a price of its own; what is no chat; what is fine-tuned; what is long gone.
OTHER = re.compile(r":batch|search|moderation|-tts|transcri|realtime|audio|-live|voice|whisper|ocr|\bft[:-]|davinci|curie|babbage|\bada\b"
                   r"|qwen1\.5|olmo|vicuna|alpaca|codellama|llama-2|claude-(2|v1|instant)|gemini-(1\.0|pro$)")
DATED = re.compile(r"[-@](20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])|20\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01]))$")


def fail(message):
    sys.exit(f"update-prices: {message}")


def literal(node):
    """A constructor call as a dict with its name under `is`; a decimal as its text."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {literal(key): literal(value) for key, value in zip(node.keys, node.values)}
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        arguments = [literal(item) for item in node.args]
        if name == "Decimal":
            return float(arguments[0])
        if name == "date":
            return datetime.date(*arguments).isoformat()
        if name == "time":
            return "%02d:%02d" % tuple(arguments[:2])
        return {"is": name, **{item.arg: literal(item.value) for item in node.keywords}}
    fail(f"genai-prices' data has a form that is not known: line {node.lineno}")


def wheel(folder, name):
    found = sorted(folder.glob(f"{name}-*.whl"))
    if len(found) != 1:
        fail(f"no wheel of {name} in {folder}")
    return zipfile.ZipFile(found[0]), found[0].name.split("-")[1]


def genai_prices(folder):
    archive, version = wheel(folder, "genai_prices")
    for statement in ast.parse(archive.read("genai_prices/data.py")).body:
        if isinstance(statement, ast.AnnAssign) and statement.target.id == "providers":
            return {provider["id"]: provider for provider in literal(statement.value)}, version
    fail("genai-prices' data.py has no `providers`")


def litellm(folder):
    archive, version = wheel(folder, "litellm")
    return json.loads(archive.read("litellm/model_prices_and_context_window_backup.json")), version


def matches(clause, name):
    kind, lower = clause["is"], name.lower()
    if kind == "ClauseEquals":
        return lower == clause["equals"].lower()
    if kind == "ClauseStartsWith":
        return lower.startswith(clause["starts_with"].lower())
    if kind == "ClauseEndsWith":
        return lower.endswith(clause["ends_with"].lower())
    if kind == "ClauseContains":
        return clause["contains"].lower() in lower
    if kind == "ClauseRegex":
        return bool(re.search(clause["regex"], name))
    if kind == "ClauseOr":
        return any(matches(part, name) for part in clause["or_"])
    if kind == "ClauseAnd":
        return all(matches(part, name) for part in clause["and_"])
    fail(f"genai-prices has a rule that is not known: {kind}")


def equal_names(clause):
    if clause["is"] == "ClauseEquals":
        return [clause["equals"]]
    return [name for part in clause.get("or_", []) for name in equal_names(part)]


def number(value):
    return int(value) if value.is_integer() else value


def price(prices):
    """The fields of a price, or None if tokens alone do not make the cost."""
    prices = {key: value for key, value in prices.items() if key != "is" and key not in UNUSED}
    if "input_mtok" not in prices or not set(prices) <= set(FIELDS):
        return None
    base, above = {}, {}
    for key, field in FIELDS.items():
        value = prices.get(key)
        if isinstance(value, dict):
            base[field] = number(value["base"])
            for tier in value["tiers"]:
                above.setdefault(tier["start"], {})[field] = number(tier["price"])
        elif value is not None:
            base[field] = number(value)
    if above:
        base["above"] = [{"input_tokens": start, **above[start]} for start in sorted(above)]
    return base


def periods(model, today):
    """Each price with when it holds; the last that holds counts. What has passed is left out."""
    prices = model["prices"]
    if isinstance(prices, dict):
        return [({}, prices)]
    kept = []
    for part in prices:
        constraint = part.get("constraint")
        if constraint is None or constraint.get("start_date", "9999") <= today:
            kept = [({}, part["prices"])]
        elif "start_date" in constraint:
            kept.append(({"from": constraint["start_date"]}, part["prices"]))
        elif "start_time" in constraint:
            kept.append(({"hours": f"{constraint['start_time']}-{constraint['end_time']}"}, part["prices"]))
        else:
            fail(f"the price of {model['id']} has a condition that is not known")
    return kept


def contradicts(other, found):
    """Whether LiteLLM has another price, and none of ours."""
    fields = [(field, other[key] * 1e6) for field, key in
              (("input", "input_cost_per_token"), ("output", "output_cost_per_token")) if key in other]
    return not any(
        all(abs(made.get(field, 0) - value) <= 0.01 * value for field, value in fields) for _, made in found
    )


def entries(providers, limits, today):
    for provider, (litellm_name, prefix) in PROVIDERS.items():
        if provider not in providers:
            fail(f"genai-prices has no provider {provider} any more")
        known = {
            key[len(prefix):].lower(): value
            for key, value in limits.items()
            if value.get("litellm_provider") == litellm_name and key.startswith(prefix)
        }
        models = providers[provider]["models"]
        taken = {name.lower() for model in models for name in [model["id"], *equal_names(model["match"])]}
        given = set()
        for model in models:
            own = [model["id"], *equal_names(model["match"])]
            found = [(when, price(prices)) for when, prices in periods(model, today)]
            if any(made is None for _, made in found):
                given.update(name.lower() for name in own)
                continue
            # What LiteLLM knows and this rule says is the same model, but no list of names.
            own += [
                name
                for name in known
                if name not in taken
                and not contradicts(known[name], found)
                and next((other for other in models if matches(other["match"], name)), None) is model
            ]
            names = []
            for name in (name.lower() for name in own):
                if name not in given and not OTHER.search(name):
                    given.add(name)
                    names.append(name)
            # A dated name is found by the name before its date, if it is of the same model.
            names = [name for name in names if DATED.sub("", name) == name or DATED.sub("", name) not in names]
            if not names or provider == "google" and "claude" in names[0]:
                continue
            if provider == "openrouter" and not names[0].startswith(OPENROUTER):
                continue
            if any(not made["input"] and not made.get("output") for _, made in found) and not names[0].endswith(":free"):
                continue
            # Where the data sets contradict each other, the price is not known; nor is it of a name of that model
            # that only one of them has.
            doubted = []
            if any(name in known and contradicts(known[name], found) for name in names):
                doubted = [name for name in names if name not in known or contradicts(known[name], found)]
            names = [name for name in names if name not in doubted]
            numbers = [known[name].get("max_output_tokens") for name in map(str.lower, own) if name in known]
            numbers = [number for number in numbers if isinstance(number, int) and number > 0]
            rows = [(names, when, made) for when, made in found] + [(doubted, {}, {})]
            for names, when, made in rows:
                if not names:
                    continue
                entry = {"provider": provider, "model": names[0]}
                if names[1:]:
                    entry["names"] = names[1:]
                entry.update(when)
                entry.update(made)
                if numbers:
                    entry["max_output_tokens"] = max(numbers)
                yield entry


def keyed(table):
    return {
        (entry["provider"], entry["model"], entry.get("from", ""), entry.get("hours", "")): entry
        for entry in table.get("prices", [])
    }


def main():
    folder, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    providers, prices_version = genai_prices(folder)
    limits, limits_version = litellm(folder)
    head = {
        "version": today,
        "source": f"prices: genai-prices {prices_version}, https://github.com/pydantic/genai-prices, Copyright (c) Pydantic"
                  f" Services Inc. 2025 to present; output limits: litellm {limits_version},"
                  " https://github.com/BerriAI/litellm, Copyright (c) 2023 Berri AI; see LICENSE-DATA beside this file",
        "license": "MIT",
    }
    made = list(entries(providers, limits, today))
    old = json.loads(target.read_text()) if target.exists() else {}
    if old.get("prices") == made and old.get("source") == head["source"]:
        print(f"{target.name} is as it was: version {old['version']}, {len(made)} prices")
        return
    lines = ",\n".join("  " + json.dumps(entry, separators=(",", ":")) for entry in made)
    start = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    target.write_text("{\n" + start + ' "prices": [\n' + lines + "\n ]\n}\n")

    before, after = keyed(old), keyed({"prices": made})
    for sign, keys in (("-", before.keys() - after.keys()), ("+", after.keys() - before.keys())):
        for key in sorted(keys):
            print(sign, " ".join(filter(None, key)))
    for key in sorted(before.keys() & after.keys()):
        fields = sorted(before[key].keys() | after[key].keys())
        changes = [f"{field} {before[key].get(field)} -> {after[key].get(field)}"
                   for field in fields if before[key].get(field) != after[key].get(field)]
        if changes:
            print("~", " ".join(filter(None, key)), "; ".join(changes))
    doubted = [f"{entry['provider']} {name}" for entry in made if "input" not in entry
               for name in [entry["model"], *entry.get("names", [])]]
    print(f"? not known, since the data sets contradict each other: {', '.join(doubted)}")
    print(f"{target.name}: version {today}, {len(made)} prices, {target.stat().st_size} bytes")


main()
