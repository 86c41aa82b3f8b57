def forward(:
    pass
