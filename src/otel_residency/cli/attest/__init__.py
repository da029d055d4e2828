"""The subcommand that reads the settings of the vendor's projects."""
