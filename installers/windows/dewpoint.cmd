@rem Dewpoint for the command line: dewpoint models list, dewpoint engines plan, dewpoint --help
@"%~dp0python\python.exe" -X utf8 -m app %*
