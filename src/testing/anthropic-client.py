"""The anthropic package as it comes from the registry, unchanged, against a running inhouse. Prints what it saw as JSON."""
import json
import sys

import anthropic

url, key = sys.argv[1:3]
client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
question = [{"role": "user", "content": "Say hello."}]
seen = {"version": anthropic.__version__}

whole = client.messages.create(model="small", messages=question, max_tokens=8)
seen["whole"] = len(whole.content[0].text) > 0 and whole.usage.output_tokens > 0
seen["request_id"] = whole._request_id

with client.messages.stream(model="small", messages=question, max_tokens=8) as stream:
    text = "".join(stream.text_stream)
    final = stream.get_final_message()
seen["streamed"] = [text != "" and text == final.content[0].text, final.usage.input_tokens > 0, final.stop_reason]


def turn(number, city):
    tool_id = f"toolu_{number}"
    return [
        {"role": "user", "content": f"What is the weather in {city}?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": tool_id, "name": "get_weather", "input": {"city": city}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": tool_id, "content": "sunny"}]},
        {"role": "assistant", "content": "It is sunny."},
    ]


tool = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
turns = [message for number, city in enumerate(["Rome", "Oslo", "Bern"]) for message in turn(number, city)]
called = client.messages.create(
    model="tooled",
    messages=[*turns, {"role": "user", "content": "What is the weather in Paris?"}],
    tools=[tool],
    max_tokens=48,
    extra_body={"temperature": 0},
)
call = next(block for block in called.content if block.type == "tool_use")
seen["tool"] = [call.name, call.input, called.stop_reason]

seen["counted"] = client.messages.count_tokens(model="small", messages=question).input_tokens > 0

try:
    client.messages.create(model="nope", messages=question, max_tokens=8)
except anthropic.NotFoundError as error:
    seen["error"] = [error.status_code, error.body["error"]["type"]]

left = client.messages.create(model="small", messages=question, max_tokens=2000, stream=True)
next(iter(left))
left.close()

print(json.dumps(seen))
