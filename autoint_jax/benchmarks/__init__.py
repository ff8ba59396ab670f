"""How fast the parts of this project are on made-up data, against peers, goals and the machine's peaks."""
