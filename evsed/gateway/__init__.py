"""The gateway process: MQTT, the store, the slow buses and the local socket. It may die; charging goes on."""
