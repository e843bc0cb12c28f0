"""The ollama package as it comes from the registry, unchanged, against a running inhouse. Prints what it saw as JSON."""
import json
import sys
import time

import ollama

url, *key = sys.argv[1:]
client = ollama.Client(host=url, headers={"authorization": f"Bearer {key[0]}"} if key else None)
question = [{"role": "user", "content": "Say hello."}]
short = {"num_predict": 8, "temperature": 0}
seen = {}

began = time.monotonic_ns()
whole = client.chat("small", question, options=short)
waited = time.monotonic_ns() - began
seen["whole"] = len(whole.message.content) > 0 and whole.done_reason == "length" and whole.eval_count == 8
parts = (whole.load_duration or 0) + whole.prompt_eval_duration + whole.eval_duration
seen["fits"] = 0 < parts <= whole.total_duration <= waited

pieces = list(client.chat("small", question, options=short, stream=True))
seen["streamed"] = "".join(p.message.content for p in pieces) != "" and pieces[-1].done and pieces[-1].eval_count == 8

schema = {
    "type": "object",
    "properties": {"name": {"enum": ["Ada"]}, "age": {"type": "integer", "maximum": 99}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
structured = client.chat(
    "small", [{"role": "user", "content": "Ada is 36. Answer as JSON."}], options={"num_predict": 32}, format=schema
)
seen["structured"] = sorted(json.loads(structured.message.content))


def get_weather(city: str) -> str:
    """The weather in a city

    Args:
        city: its name
    """
    return "sunny"


def turn(city):
    return [
        {"role": "user", "content": f"What is the weather in {city}?"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": city}}}]},
        {"role": "tool", "tool_name": "get_weather", "content": "sunny"},
        {"role": "assistant", "content": "Sunny."},
    ]


turns = [message for city in ["Rome", "Oslo", "Bern"] for message in turn(city)]
asked = [*turns, {"role": "user", "content": "What is the weather in Paris?"}]
called = client.chat("tooled", asked, tools=[get_weather], options={"num_predict": 48, "temperature": 0})
seen["tool"] = called.message.tool_calls[0].function.arguments

generated = client.generate("small", "Once upon a", raw=True, options=short)
seen["generated"] = len(generated.response) > 0 and generated.eval_count == 8

seen["embeddings"] = [len(vector) for vector in client.embed("small", ["hello", "world"]).embeddings]
seen["embedding"] = len(client.embeddings("small", "hello").embedding)

seen["list"] = [model.model for model in client.list().models]
shown = client.show("tooled")
architecture = shown.modelinfo["general.architecture"]
seen["show"] = [shown.capabilities, architecture, shown.modelinfo[f"{architecture}.context_length"]]
seen["ps"] = "small" in [model.name for model in client.ps().models]

try:
    client.chat("nope", question)
except ollama.ResponseError as error:
    seen["error"] = [error.status_code, "not found" in error.error]
try:
    client.pull("tiny")
except ollama.ResponseError as error:
    seen["pull"] = error.status_code

left = client.chat("small", question, options={"num_predict": 2000}, stream=True)
next(left)
left.close()

print(json.dumps(seen))
