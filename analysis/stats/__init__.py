"""Statistics on arrays: numbers in, numbers out; knows neither studies nor text."""
