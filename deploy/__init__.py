"""The cloud template, the packages of the functions, the local cloud and the command line."""
