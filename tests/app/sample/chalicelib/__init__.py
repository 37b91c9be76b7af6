GREETING = "from the zip"
