"""Writes a history's container files to Kafka with Confluent's client and fastavro, as another company would.

usage: produce.py BROKERS REGISTRY SUBSCRIPTIONS_TOPIC SUBSCRIPTIONS_FILE USAGE_TOPIC USAGE_FILE

The schemas are this program's own: other record names and field order, an extra field, nullable fields, widened or other
timestamps. Values are framed and schemas registered by Confluent's serializer; keys are placed by librdkafka's default (CRC32).
"""

import json
import sys

import fastavro
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext


def field(name, kind, **more):
    return {"name": name, "type": kind, **more}


def enum(name, *symbols):
    return {"type": "enum", "name": name, "symbols": list(symbols)}


def time(unit):
    return {"type": "long", "logicalType": unit}


ITEM = {
    "type": "record",
    "name": "Line",
    "fields": [
        field("discount_micros", ["null", "long"]),
        field("note", ["null", "string"], default=None),
        field("item_id", "string"),
        field("product_id", "string"),
        field("plan_id", ["string", "null"]),
        field("interval_count", "int"),
        field("interval", enum("Every", "YEAR", "MONTH", "DAY", "WEEK", "QUARTER")),
        field("unit_amount_micros", "long"),
        field("quantity", "long"),
    ],
}
SUBSCRIPTION = {
    "type": "record",
    "namespace": "com.example.crm",
    "name": "Contract",
    "fields": [
        field("source", "string"),
        field("attributes", {"type": "map", "values": ["null", "string"]}),
        field("items", ["null", {"type": "array", "items": ITEM}]),
        field("currency", ["null", "string"]),
        field("status", enum("State", "CANCELED", "PAUSED", "PAST_DUE", "ACTIVE", "TRIALING")),
        field("version", ["null", "long"]),
        field("effective_at", ["null", time("timestamp-micros")]),
        field("subscription_id", "string"),
        field("customer_id", "string"),
        field("event_id", "string"),
    ],
}
USAGE = {
    "type": "record",
    "namespace": "com.example.meters",
    "name": "Reading",
    "fields": [
        field("amount_micros", "long"),
        field("tags", {"type": "array", "items": "string"}),
        field("currency", "string"),
        field("customer_id", "string"),
        field("event_id", ["null", "string"]),
        field("meter", "string"),
        field("used_at", time("timestamp-millis")),
    ],
}


def contract(event):
    return {**event, "source": "crm", "attributes": {**event["attributes"], "absent": None}}


def reading(event):
    return {**event, "tags": ["a", "b"]}


def main(brokers, registry, subscriptions, subscription_file, usage, usage_file):
    failures = []
    producer = Producer({"bootstrap.servers": brokers, "compression.type": "zstd", "linger.ms": 5})
    client = SchemaRegistryClient({"url": registry})
    for topic, path, schema, change in (
        (subscriptions, subscription_file, SUBSCRIPTION, contract),
        (usage, usage_file, USAGE, reading),
    ):
        serialize = AvroSerializer(client, json.dumps(schema))
        context = SerializationContext(topic, MessageField.VALUE)
        with open(path, "rb") as file:
            for event in fastavro.reader(file):
                value = serialize(change(event), context)
                while True:
                    try:
                        producer.produce(
                            topic, key=event["customer_id"], value=value, on_delivery=lambda error, _: error and failures.append(error)
                        )
                        break
                    except BufferError:
                        producer.poll(0.1)
                producer.poll(0)
    left = producer.flush(60)
    if left or failures:
        sys.exit(f"{left} records not sent, {len(failures)} refused: {failures[:3]}")


main(*sys.argv[1:])
