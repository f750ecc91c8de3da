"""The same as session.R, for an R that Python hosts; scripts may be Python's, too."""

import json
import os
import runpy
import sys

from rpy2 import robjects as ro

run = ro.r("function(script) sys.source(script, new.env())")
for request in sys.stdin:
    asked = json.loads(request)
    os.environ.update(asked["variables"])
    if asked["script"].endswith(".py"):
        runpy.run_path(asked["script"])
    else:
        run(asked["script"])
    print("done", flush=True)
