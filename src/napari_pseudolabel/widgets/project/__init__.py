"""The dock that lists the sessions of a workspace, opens them and changes the workspace."""
