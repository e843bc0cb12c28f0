"""The openai package as it comes from the registry, unchanged, against a running inhouse. Prints what it saw as JSON."""
import json
import sys

import openai

url, key = sys.argv[1:3]
client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
question = [{"role": "user", "content": "Say hello."}]
seen = {"version": openai.__version__}

whole = client.chat.completions.create(model="small", messages=question, max_tokens=8)
seen["whole"] = len(whole.choices[0].message.content) > 0 and whole.usage.completion_tokens > 0

stream = client.chat.completions.create(
    model="small", messages=question, max_tokens=8, stream=True, stream_options={"include_usage": True}
)
chunks = list(stream)
seen["streamed"] = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) != "" and chunks[-1].usage is not None

schema = {
    "type": "object",
    "properties": {"name": {"enum": ["Ada"]}, "age": {"type": "integer", "maximum": 99}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
structured = client.chat.completions.create(
    model="small",
    messages=[{"role": "user", "content": "Ada is 36. Answer as JSON."}],
    max_tokens=32,
    response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}},
)
seen["structured"] = sorted(json.loads(structured.choices[0].message.content)) == ["age", "name"]


def turn(number, city):
    call = {"name": "get_weather", "arguments": json.dumps({"city": city})}
    return [
        {"role": "user", "content": f"What is the weather in {city}?"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": f"call_{number}", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": f"call_{number}", "content": "sunny"},
        {"role": "assistant", "content": "Sunny."},
    ]


tool = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
}
turns = [message for number, city in enumerate(["Rome", "Oslo", "Bern"]) for message in turn(number, city)]
called = client.chat.completions.create(
    model="tooled",
    messages=[*turns, {"role": "user", "content": "What is the weather in Paris?"}],
    tools=[tool],
    max_tokens=48,
    temperature=0,
)
seen["tool"] = json.loads(called.choices[0].message.tool_calls[0].function.arguments)

vectors = client.embeddings.create(model="small", input=["hello", "world"])
seen["embeddings"] = [len(row.embedding) for row in vectors.data]

try:
    client.chat.completions.create(model="nope", messages=question)
except openai.NotFoundError as error:
    seen["error"] = [error.status_code, error.code, error.param]

left = client.chat.completions.create(model="small", messages=question, max_tokens=2000, stream=True)
next(iter(left))
left.close()

print(json.dumps(seen))
