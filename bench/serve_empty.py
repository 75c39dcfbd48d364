"""What `make bench-serve` compares with: a FastAPI endpoint that takes the same payload and answers a fixed list."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Response
from pydantic_core import to_json

from promptrec.serve.schemas import RecommendedItem, RecommendIn, RecommendOut

ITEMS = [RecommendedItem(id=str(n), title=f"A title of usual length {n}", score=0.5, reasons=[]) for n in range(10)]
ANSWER = RecommendOut(
    recommendation_id="0" * 32, items=ITEMS, prompts=[], request=None, ignored=[], fallback=False, notes=[]
).model_dump()
app = FastAPI()


@app.post("/v1/recommend", response_model=RecommendOut)
async def empty(query: RecommendIn) -> Response:
    del query
    return Response(to_json(ANSWER), media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
