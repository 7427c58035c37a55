"""What each command does, callable without the command line: a typed call in, an exit code or an outcome out."""
