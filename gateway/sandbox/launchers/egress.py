# Points the usual clients to the proxy, before the code begins. `given` is set by gateway/sandbox/egress/setup.ts.
import json, os

settings = json.loads(given)
os.environ.update(settings["env"])
with open(os.environ["SSL_CERT_FILE"], "w") as file:
    file.write(settings["certificates"])
