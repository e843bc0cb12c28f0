"""Serves one model with llama.cpp's own server, in this process, until it is killed. Prints its address once."""
import json
import os
import signal
import sys

order = json.loads(os.environ.pop("INHOUSE_ENGINE"))
sys.path.insert(0, order["folder"])

import xllamacpp  # noqa: E402


def assign(target, values):
    for name, value in values.items():
        if not hasattr(target, name) and name in order["olderNames"]:
            name = order["olderNames"][name]
            value = value[0] if isinstance(value, list) else value
        if isinstance(value, dict) and "enum" in value:
            setattr(target, name, getattr(xllamacpp, value["enum"])[value["name"]])
        elif isinstance(value, dict) and "list" in value:
            setattr(target, name, [made(value["list"], each) for each in value["of"]])
        elif isinstance(value, dict):
            assign(getattr(target, name), value)
        else:
            setattr(target, name, value)


def made(kind, values):
    target = getattr(xllamacpp, kind)()
    assign(target, values)
    return target


params = xllamacpp.CommonParams()
assign(params, order["params"])
# What answers call the model: its name here, not the path of its file.
params.model_alias = {order["name"]}
server = xllamacpp.Server(params)
# The server takes SIGTERM to end only itself; this process is to end with it.
signal.signal(signal.SIGTERM, signal.SIG_DFL)
print(json.dumps({"url": server.listening_address}), flush=True)
# Nobody reads on: what comes later on standard output goes to the log.
os.dup2(2, 1)
while True:
    signal.pause()
