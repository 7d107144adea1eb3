"""The MQTT API as pure code: topics, shapes, bytes in, bytes out. No broker, no clock, no I/O."""
