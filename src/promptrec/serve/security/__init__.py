"""Who may call, how often, and how much of the machine one caller may take."""
