"""The openai package as it comes from the registry, unchanged, asking a running inhouse for responses. Prints what it saw as JSON."""
import json
import sys
from typing import Literal

import openai
from pydantic import BaseModel

url, key = sys.argv[1:3]
client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
seen = {"version": openai.__version__}

whole = client.responses.create(model="small", input="Say hello.", max_output_tokens=16, store=False)
seen["whole"] = len(whole.output_text) > 0 and whole.usage.output_tokens > 0 and whole.id.startswith("resp_")


class Person(BaseModel):
    name: Literal["Ada"]
    age: Literal[36]


ada = {"model": "small", "input": "Ada is 36. Answer as JSON.", "max_output_tokens": 64, "text_format": Person, "store": False}
with client.responses.stream(**ada) as stream:
    pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
    seen["streamed"] = "".join(pieces) == stream.get_final_response().output_text != ""

seen["parsed"] = client.responses.parse(**ada).output_parsed.model_dump()


def turn(number, city):
    call = json.dumps({"city": city})
    return [
        {"role": "user", "content": f"What is the weather in {city}?"},
        {"type": "function_call", "call_id": f"call_{number}", "name": "get_weather", "arguments": call},
        {"type": "function_call_output", "call_id": f"call_{number}", "output": "sunny"},
        {"role": "assistant", "content": "Sunny."},
    ]


tool = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
turns = [item for number, city in enumerate(["Rome", "Oslo", "Bern"]) for item in turn(number, city)]
called = client.responses.create(
    model="tooled",
    input=[*turns, {"role": "user", "content": "What is the weather in Paris?"}],
    tools=[tool],
    max_output_tokens=48,
    temperature=0,
    store=False,
)
seen["tool"] = [json.loads(item.arguments) for item in called.output if item.type == "function_call"]

try:
    client.responses.create(model="nope", input="hi")
except openai.NotFoundError as error:
    seen["error"] = [error.status_code, error.code, error.param]

print(json.dumps(seen))
