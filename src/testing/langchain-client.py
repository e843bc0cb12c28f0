"""LangChain's packages as they come from the registry, unchanged, against a running inhouse. Prints what they saw as JSON."""
import json
import sys
from typing import Literal

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

url, key = sys.argv[1:3]
header = {"headers": {"authorization": f"Bearer {key}"}}


def openai(model, tokens, **more):
    return ChatOpenAI(
        model=model, max_tokens=tokens, base_url=f"{url}/v1", api_key=key, temperature=0, max_retries=0, stream_usage=True, **more
    )


def responses(model, tokens):
    return openai(model, tokens, use_responses_api=True)


def anthropic(model, tokens):
    return ChatAnthropic(model=model, max_tokens=tokens, base_url=url, api_key=key, temperature=0, max_retries=0)


def ollama(model, tokens):
    return ChatOllama(model=model, num_predict=tokens, base_url=url, client_kwargs=header, temperature=0)


@tool
def get_weather(city: Literal["Paris"]) -> str:
    """The weather in a city"""
    return f"It is raining in {city}."


def turn(city):
    return [
        HumanMessage(f"What is the weather in {city}?"),
        AIMessage("", tool_calls=[{"id": city, "name": "get_weather", "args": {"city": city}}]),
        ToolMessage("sunny", tool_call_id=city, name="get_weather"),
        AIMessage("It is sunny."),
    ]


asked = [*(message for city in ["Rome", "Oslo", "Bern"] for message in turn(city)), HumanMessage("What is the weather in Paris?")]
person = {
    "title": "person",
    "description": "A person",
    "type": "object",
    "properties": {"name": {"type": "string", "enum": ["Ada"]}, "age": {"type": "integer", "maximum": 99}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def calls(answer):
    return [[call["name"], call["args"]] for call in answer.tool_calls]


def total(chunks):
    sum = None
    for chunk in chunks:
        sum = chunk if sum is None else sum + chunk
    return sum


def failure_of(chat, prompt):
    try:
        chat.invoke(prompt)
    except Exception as thrown:
        return getattr(thrown, "code", None) or type(thrown).__name__
    return None


def see(chat):
    seen = {}
    whole = chat("small", 8).invoke("Say hello.")
    seen["whole"] = whole.text != "" and 0 < whole.usage_metadata["output_tokens"] <= 8
    chunks = list(chat("small", 8).stream("Say hello."))
    usage = total(chunks).usage_metadata
    seen["streamed"] = len([c for c in chunks if c.text]) > 1 and 0 < usage["output_tokens"] <= 8
    bound = chat("tooled", 48).bind_tools([get_weather])
    called = bound.invoke(asked)
    seen["tool"] = calls(called)
    seen["toolStreamed"] = calls(total(bound.stream(asked)))
    seen["next"] = bound.invoke([*asked, called, get_weather.invoke(called.tool_calls[0])]).text
    seen["structured"] = chat("small", 48).with_structured_output(person, method="json_schema").invoke("Ada is 36. Answer as JSON.")
    seen["unknown"] = failure_of(chat("nope", 4), "Hello!")
    seen["tooLong"] = failure_of(chat("small", 4), "one word after the other " * 3000)
    for _ in chat("small", 2000).stream("Tell me a long story."):
        break
    return seen


seen = {each.__name__: see(each) for each in [openai, responses, anthropic, ollama]}
texts = ["hello", "world"]
# Without it the package counts with a word list that it fetches.
plain = OpenAIEmbeddings(model="small", base_url=f"{url}/v1", api_key=key, check_embedding_ctx_length=False)
local = OllamaEmbeddings(model="small", base_url=url, client_kwargs=header)
seen["embeddings"] = {
    "openai": [len(row) for row in plain.embed_documents(texts)],
    "ollama": [len(row) for row in local.embed_documents(texts)],
}
print(json.dumps(seen))
