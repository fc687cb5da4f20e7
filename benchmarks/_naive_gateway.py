"""The naive design, run under a Python of its own: FastAPI checks with pydantic, RQ enqueues, a WebSocket polls.

Arguments: port, Redis URL.
"""

import asyncio
import sys

import redis
import uvicorn
from fastapi import FastAPI, WebSocket
from pydantic import BaseModel
from rq import Queue
from rq.job import Job


class Memory(BaseModel):
    id: str | None = None
    text: str


class Request(BaseModel):
    user_id: str
    memories: list[Memory | str]


connection = redis.Redis.from_url(sys.argv[2])
queue = Queue(connection=connection)
app = FastAPI()


@app.post("/cluster/submit", status_code=202)
async def submit(request: Request):
    job = queue.enqueue("_naive_job.work", request.model_dump())
    return {"task_id": job.id, "status": "queued"}


@app.websocket("/results/{job_id}")
async def results(socket: WebSocket, job_id: str):
    await socket.accept()
    while True:
        job = Job.fetch(job_id, connection=connection)
        if job.is_finished:
            await socket.send_json({"type": "succeeded", "result": job.return_value()})
            break
        await asyncio.sleep(1)
    await socket.close()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
