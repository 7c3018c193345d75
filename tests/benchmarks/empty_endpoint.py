"""An endpoint of FastAPI that does nothing: what a request costs before anybody has done anything for it.

python -m uvicorn tests.benchmarks.empty_endpoint:app
"""

from fastapi import FastAPI, Request

app = FastAPI(openapi_url=None)


@app.post("/")
async def empty(request: Request) -> dict[str, bool]:
    """Read the form, and answer with as many octets as an introspection of nothing."""
    await request.body()
    return {"active": False}
