# Prints every decision in the log, then each new one. Needs: pip install nats-py msgpack
import asyncio, json, sys, uuid
import msgpack, nats

async def main(url="nats://127.0.0.1:4222", shard="main"):
    connection = await nats.connect(url)
    decisions = await connection.jetstream().subscribe(
        f"headroom.v1.{shard}.planner.decided.>", stream=f"HEADROOM_{shard}", ordered_consumer=True)
    async for message in decisions.messages:
        decided = msgpack.unpackb(message.data)
        choice = json.dumps(decided["decision"], default=lambda id: str(uuid.UUID(bytes=id)))
        seq, workload = message.metadata.sequence.stream, message.headers["ce-subject"]
        print(seq, workload, decided["mode"], choice, flush=True)

asyncio.run(main(*sys.argv[1:]))
