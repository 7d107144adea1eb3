"""The control process: board, core and contactor. No MQTT, disk, network, JSON or log file here."""
